//! The stores of the platform in PostgreSQL.
