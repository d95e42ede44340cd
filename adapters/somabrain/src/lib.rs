//! The memory of the platform in SomaBrain.
