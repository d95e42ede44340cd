//! One suite per port, for whoever writes an adapter.
