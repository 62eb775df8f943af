//! Names that fit the server's limit.

use sha2::{Digest, Sha256};

/// Hexadecimal digits of the hash that a shortened name ends in.
const HASH_DIGITS: usize = 10;

/// `name` when it has at most `limit` characters, otherwise its beginning and a hash of the whole: `orders_de_4f09c1a2b3`.
/// The same name always gives the same result.
pub fn shorten(name: &str, limit: usize) -> String {
    if name.chars().count() <= limit {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest.iter().take(HASH_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    let kept: String = name.chars().take(limit.saturating_sub(HASH_DIGITS + 1)).collect();
    format!("{kept}_{hash}").chars().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn short_names_stay_and_long_ones_fit_and_differ() {
        assert_eq!(shorten("orders", 64), "orders");
        let (a, b) = (shorten(&"x".repeat(80), 64), shorten(&"x".repeat(81), 64));
        assert_eq!((a.len(), b.len()), (64, 64));
        assert_ne!(a, b);
        assert_eq!(a, shorten(&"x".repeat(80), 64));
        assert_eq!(shorten(&"é".repeat(70), 64).chars().count(), 64);
    }
}
