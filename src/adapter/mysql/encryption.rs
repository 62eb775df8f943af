//! TLS: how much of it a target asks for, and which of its checks failed.

use std::path::{Path, PathBuf};

use mysql::{ClientIdentity, SslOpts};

use crate::adapter::credentials::Entries;
use crate::diag;

/// How much TLS protects a TCP connection, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tls {
    Disabled,
    /// Encrypted if the server can, without looking at its certificate.
    Preferred,
    Required,
    VerifyCa,
    VerifyIdentity,
}

impl Tls {
    const NAMES: &[(&str, Self)] = &[
        ("disabled", Self::Disabled),
        ("preferred", Self::Preferred),
        ("required", Self::Required),
        ("verify_ca", Self::VerifyCa),
        ("verify_identity", Self::VerifyIdentity),
    ];

    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, tls)| *tls == self).map_or("", |(name, _)| name)
    }
}

#[derive(Clone)]
pub(super) struct Encryption {
    pub mode: Tls,
    ca: Option<PathBuf>,
    /// The client's certificate and its key.
    identity: Option<(PathBuf, PathBuf)>,
}

/// Which check failed, and what to do about it.
pub(super) struct Refusal {
    pub reason: String,
    pub help: String,
}

impl Encryption {
    pub fn new(entries: &Entries<'_>, directory: &Path) -> diag::Result<Self> {
        Ok(Self {
            mode: mode(entries)?,
            ca: entries.text(&["ssl_ca"])?.map(|path| directory.join(path)),
            identity: identity(entries, directory)?,
        })
    }

    pub fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// Options of the driver.
    pub fn options(&self, tls: Tls) -> Option<SslOpts> {
        let identity = self.identity.as_ref().map(|(cert, key)| ClientIdentity::new(cert.clone(), key.clone()));
        (tls > Tls::Disabled).then(|| {
            SslOpts::default()
                .with_root_cert_path(self.ca.clone())
                .with_client_identity(identity)
                .with_danger_accept_invalid_certs(tls < Tls::VerifyCa)
                .with_danger_skip_domain_validation(tls < Tls::VerifyIdentity)
        })
    }

    /// A file of the target that cannot be used, if any: the driver does not say which it was.
    pub fn broken_file(&self) -> Option<Refusal> {
        let (cert, key) = self.identity.as_ref().map(|(cert, key)| (cert, key)).unzip();
        let files = [
            ("ssl_ca", self.ca.as_ref(), "CERTIFICATE"),
            ("ssl_cert", cert, "CERTIFICATE"),
            ("ssl_key", key, "PRIVATE KEY"),
        ];
        files.into_iter().find_map(|(entry, path, content)| {
            let path = path?;
            let shown = path.display();
            let reason = match std::fs::read(path) {
                Err(error) => format!("`{entry}` cannot be read: {shown}: {error}"),
                Ok(bytes) if is_der(&bytes) || memchr::memmem::find(&bytes, content.as_bytes()).is_some() => {
                    return None;
                }
                Ok(_) => format!("`{entry}` holds no {}: {shown}", content.to_lowercase()),
            };
            Some(Refusal { reason, help: format!("give `{entry}` the path of a PEM file; it starts at the project") })
        })
    }

    /// What the TLS library's words mean for someone with a profile; None if they are about something else.
    pub fn explain(&self, text: &str, host: &str) -> Option<Refusal> {
        let refusal = |reason: String, help: String| Some(Refusal { reason, help });
        let mode = self.mode.as_str();
        let Some((_, problem)) = text.split_once("invalid peer certificate: ") else {
            let (_, alert) = text.split_once("received fatal alert: ")?;
            let alert = alert.trim_end_matches([' ', '}']);
            return match self.identity {
                Some(_) => refusal(
                    format!("the server did not accept the client's certificate (TLS alert {alert})"),
                    "`ssl_cert` must be signed by the CA that the server trusts (its `ssl_ca`), and be valid today"
                        .to_owned(),
                ),
                None => refusal(
                    format!("the server ended the TLS handshake (alert {alert})"),
                    "the server may ask for a client certificate (`ssl_cert` and `ssl_key`), or for older TLS than 1.2"
                        .to_owned(),
                ),
            };
        };
        if problem.contains("UnknownIssuer") || problem.contains("BadSignature") {
            let help = match &self.ca {
                Some(path) => format!(
                    "`ssl_ca` ({}) must hold the CA that signed it: on the server, `select @@ssl_ca` says which file that is",
                    path.display()
                ),
                None => {
                    "give `ssl_ca` the certificate of the CA that signed it; without `ssl_ca` only public CAs are known"
                        .to_owned()
                }
            };
            return refusal(
                format!("the server's certificate is not signed by a CA that we know (`ssl_mode: {mode}`)"),
                help,
            );
        }
        if problem.contains("not valid for name") || problem.contains("NotValidForName") {
            let names = problem.split_once("certificate is only valid for ").map_or(String::new(), |(_, names)| {
                format!(", but for {}", names.split(['}', '\n']).next().unwrap_or(names).trim())
            });
            return refusal(
                format!("the server's certificate is not for `{host}`{names} (`ssl_mode: {mode}`)"),
                "use the name that the certificate has as `host`, or `ssl_mode: verify_ca` to leave the name out"
                    .to_owned(),
            );
        }
        if problem.contains("xpired") {
            return refusal(
                "the server's certificate has expired".to_owned(),
                "renew it on the server; check this machine's clock as well".to_owned(),
            );
        }
        if problem.contains("not valid yet") || problem.contains("NotValidYet") {
            return refusal(
                "the server's certificate is not valid yet".to_owned(),
                "check the clocks of this machine and of the one that made the certificate".to_owned(),
            );
        }
        let problem = problem.trim_end_matches([' ', '}', ')']);
        if problem.contains("CaUsedAsEndEntity") {
            return refusal(
                "the server shows a CA's certificate as its own".to_owned(),
                "give the server a certificate that a CA has signed, or take `ssl_mode: required`, which checks none"
                    .to_owned(),
            );
        }
        refusal(
            format!("the server's certificate is not accepted: {problem} (`ssl_mode: {mode}`)"),
            "give the server a certificate in X.509 version 3 with a name in `subjectAltName`".to_owned(),
        )
    }
}

/// DER starts with a sequence of a long length.
fn is_der(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x30, 0x82])
}

/// `ssl_mode` says it outright; the other entries ask for what they need.
fn mode(entries: &Entries<'_>) -> diag::Result<Tls> {
    if let Some(mode) = entries.text(&["ssl_mode"])? {
        let wanted = mode.to_lowercase().replace('-', "_");
        let found = Tls::NAMES.iter().find(|(name, _)| *name == wanted).map(|(_, tls)| *tls);
        return found.ok_or_else(|| {
            entries.wrong("ssl_mode", "`disabled`, `preferred`, `required`, `verify_ca` or `verify_identity`")
        });
    }
    if entries.flag("ssl_disabled")? == Some(true) {
        return Ok(Tls::Disabled);
    }
    let has_ca = entries.text(&["ssl_ca"])?.is_some();
    let has_identity = entries.text(&["ssl_cert"])?.is_some();
    Ok(if entries.flag("ssl_verify_identity")? == Some(true) {
        Tls::VerifyIdentity
    } else if entries.flag("ssl_verify_cert")?.unwrap_or(has_ca) {
        Tls::VerifyCa
    } else if has_identity {
        Tls::Required
    } else {
        Tls::Preferred
    })
}

fn identity(entries: &Entries<'_>, directory: &Path) -> diag::Result<Option<(PathBuf, PathBuf)>> {
    match (entries.text(&["ssl_cert"])?, entries.text(&["ssl_key"])?) {
        (Some(cert), Some(key)) => Ok(Some((directory.join(cert), directory.join(key)))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(entries.wrong("ssl_cert", "given together with `ssl_key`")),
        (None, Some(_)) => Err(entries.wrong("ssl_key", "given together with `ssl_cert`")),
    }
}
