//! What the services share in Redis: it may be lost at any time.
