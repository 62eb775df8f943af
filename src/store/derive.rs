//! `#[derive(Stored!)]`.

/// Implements [`crate::store::Stored`] field by field.
macro_rules! Stored {
    (
        $(#[$meta:meta])* $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
        }
    ) => {
        impl $crate::store::Stored for $name {
            fn store(&self, out: &mut $crate::store::Writer) {
                $($crate::store::Stored::store(&self.$field, out);)*
            }
            fn load(from: &mut $crate::store::Reader<'_>) -> Option<Self> {
                Some(Self { $($field: $crate::store::Stored::load(from)?),* })
            }
        }
    };
    (
        $(#[$meta:meta])* $vis:vis enum $name:ident { $($variants:tt)* }
    ) => {
        impl $crate::store::Stored for $name {
            fn store(&self, out: &mut $crate::store::Writer) {
                $crate::store::Stored! { @store self out $name [] $($variants)* }
            }
            fn load(from: &mut $crate::store::Reader<'_>) -> Option<Self> {
                let tag = from.byte()?;
                $crate::store::Stored! { @load from tag $name [] $($variants)* }
                None
            }
        }
    };

    // Variants get their numbers from the length of the list of those before them.
    (@store $this:ident $out:ident $name:ident [$($before:tt)*]) => {};
    (
        @store $this:ident $out:ident $name:ident [$($before:tt)*]
        $(#[$meta:meta])* $variant:ident { $($(#[$field_meta:meta])* $field:ident : $type:ty),* $(,)? } $(, $($rest:tt)*)?
    ) => {
        if let $name::$variant { $($field),* } = $this {
            $out.byte(<[()]>::len(&[$($before)*]) as u8);
            $($crate::store::Stored::store($field, $out);)*
        }
        $crate::store::Stored! { @store $this $out $name [$($before)* (),] $($($rest)*)? }
    };
    (
        @store $this:ident $out:ident $name:ident [$($before:tt)*]
        $(#[$meta:meta])* $variant:ident ( $type:ty ) $(, $($rest:tt)*)?
    ) => {
        if let $name::$variant(inner) = $this {
            $out.byte(<[()]>::len(&[$($before)*]) as u8);
            $crate::store::Stored::store(inner, $out);
        }
        $crate::store::Stored! { @store $this $out $name [$($before)* (),] $($($rest)*)? }
    };
    (
        @store $this:ident $out:ident $name:ident [$($before:tt)*]
        $(#[$meta:meta])* $variant:ident $(, $($rest:tt)*)?
    ) => {
        if let $name::$variant = $this {
            $out.byte(<[()]>::len(&[$($before)*]) as u8);
        }
        $crate::store::Stored! { @store $this $out $name [$($before)* (),] $($($rest)*)? }
    };
    (@load $from:ident $tag:ident $name:ident [$($before:tt)*]) => {};
    (
        @load $from:ident $tag:ident $name:ident [$($before:tt)*]
        $(#[$meta:meta])* $variant:ident { $($(#[$field_meta:meta])* $field:ident : $type:ty),* $(,)? } $(, $($rest:tt)*)?
    ) => {
        if usize::from($tag) == <[()]>::len(&[$($before)*]) {
            return Some($name::$variant { $($field: $crate::store::Stored::load($from)?),* });
        }
        $crate::store::Stored! { @load $from $tag $name [$($before)* (),] $($($rest)*)? }
    };
    (
        @load $from:ident $tag:ident $name:ident [$($before:tt)*]
        $(#[$meta:meta])* $variant:ident ( $type:ty ) $(, $($rest:tt)*)?
    ) => {
        if usize::from($tag) == <[()]>::len(&[$($before)*]) {
            return Some($name::$variant($crate::store::Stored::load($from)?));
        }
        $crate::store::Stored! { @load $from $tag $name [$($before)* (),] $($($rest)*)? }
    };
    (
        @load $from:ident $tag:ident $name:ident [$($before:tt)*]
        $(#[$meta:meta])* $variant:ident $(, $($rest:tt)*)?
    ) => {
        if usize::from($tag) == <[()]>::len(&[$($before)*]) {
            return Some($name::$variant);
        }
        $crate::store::Stored! { @load $from $tag $name [$($before)* (),] $($($rest)*)? }
    };
}

pub(crate) use Stored;
