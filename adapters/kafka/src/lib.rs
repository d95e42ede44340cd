//! The log of the platform in Apache Kafka.
