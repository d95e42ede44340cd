//! Names of the values of an enum, as stores write them in columns.

/// A name that none of the values has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}: {name}")]
pub struct UnknownName {
    /// What the name should be of.
    pub what: &'static str,
    /// The name.
    pub name: String,
}

/// Gives an enum `ALL`, `as_str` and `FromStr`. What is stored has these names: they never change.
macro_rules! names {
    ($type:ident, $what:literal, { $($value:ident = $name:literal,)+ }) => {
        impl $type {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// Its name in a store, which is also that in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$value),)+
                    _ => Err($crate::names::UnknownName { what: $what, name: name.into() }),
                }
            }
        }
    };
}

pub(crate) use names;

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::str::FromStr;

    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::conversation::event::Role;
    use crate::tool::CallState;
    use crate::work::commit::WorkKind;
    use crate::work::session::TurnState;

    fn read_back<T>(all: &[T], name: impl Fn(T) -> &'static str)
    where
        T: Copy + Debug + PartialEq + Serialize + FromStr<Err = UnknownName>,
    {
        for &value in all {
            assert_eq!(name(value).parse(), Ok(value));
            assert_eq!(json!(value), name(value));
        }
        let unknown = "another".parse::<T>().unwrap_err();
        assert_eq!(unknown.to_string(), format!("unknown {}: another", unknown.what));
    }

    #[test]
    fn state_of_a_turn_is_read_back_by_its_name() {
        read_back(TurnState::ALL, TurnState::as_str);
    }

    #[test]
    fn state_of_a_call_is_read_back_by_its_name() {
        read_back(CallState::ALL, CallState::as_str);
    }

    #[test]
    fn kind_of_work_is_read_back_by_its_name() {
        read_back(WorkKind::ALL, WorkKind::as_str);
    }

    #[test]
    fn role_is_read_back_by_its_name() {
        read_back(Role::ALL, Role::as_str);
    }
}
