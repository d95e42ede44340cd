//! `Debug` for what has nothing to show.

/// Implements `Debug` for types of which a log is to see the name only: ports have no `Debug`, and
/// what stands behind them (texts of people, keys) is not to be printed by accident.
///
/// ```
/// struct Greeter {
///     names: Box<dyn Fn() -> String>,
/// }
/// soma_core::opaque_debug!(Greeter);
///
/// struct Logged<P: ?Sized> {
///     port: Box<P>,
/// }
/// soma_core::opaque_debug!(Logged<P: ?Sized>);
///
/// let greeter = Greeter { names: Box::new(|| "Ada".into()) };
/// assert_eq!(format!("{greeter:?}"), "Greeter { .. }");
/// # (greeter.names)();
/// # let _ = Logged::<str> { port: "".into() }.port;
/// ```
#[macro_export]
macro_rules! opaque_debug {
    ($name:ident $(<$($parameter:ident $(: ?$bound:ident)?),+>)?) => {
        impl $(<$($parameter $(: ?$bound)?),+>)? ::std::fmt::Debug for $name $(<$($parameter),+>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
