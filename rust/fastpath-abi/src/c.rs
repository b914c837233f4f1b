//! Structures that are Rust and C at once.

use alloc::string::String;

/// A field's type in C.
pub(crate) trait CType {
    /// The type's name, and what follows the field's.
    fn c() -> (&'static str, String);
}

macro_rules! integers {
    ($($rust:ty => $c:literal),*) => {
        $(impl CType for $rust {
            fn c() -> (&'static str, String) {
                ($c, String::new())
            }
        })*
    };
}

integers!(u8 => "__u8", u16 => "__u16", u32 => "__u32", u64 => "__u64");

impl<T: CType, const N: usize> CType for [T; N] {
    fn c() -> (&'static str, String) {
        (T::c().0, alloc::format!("[{N}]"))
    }
}

/// A structure that can write itself as C, with its size and offsets asserted.
pub(crate) trait CStruct {
    fn c_struct() -> String;
}

/// Defines a `repr(C)` structure of integers and its C declaration.
#[macro_export]
#[doc(hidden)]
macro_rules! c_struct {
    ($(#[$doc:meta])* $name:ident, $c:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl CStruct for $name {
            fn c_struct() -> String {
                let mut text = alloc::format!("struct {} {{\n", $c);
                $(
                    let (kind, after) = <$type as CType>::c();
                    let field = stringify!($field);
                    text.push_str(&alloc::format!("\t{kind} {field}{after};\n"));
                )*
                let size = core::mem::size_of::<$name>();
                text.push_str(&alloc::format!(
                    "}};\n_Static_assert(sizeof(struct {0}) == {size}, \"{0}\");\n", $c
                ));
                $(
                    let (field, at) = (stringify!($field), core::mem::offset_of!($name, $field));
                    text.push_str(&alloc::format!(
                        "_Static_assert(__builtin_offsetof(struct {0}, {field}) == {at}, \"{0}.{field}\");\n", $c
                    ));
                )*
                text
            }
        }
    };
}
