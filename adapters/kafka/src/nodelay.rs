//! `TCP_NODELAY` on the client's connections.
//!
//! rskafka 0.6 never sets it, has no hook for it, and writes a request of more than 8 KiB in two
//! pieces: Nagle's algorithm holds back the second until the broker acknowledges the first, which it
//! delays for 40 ms. So the option is set from outside, right after a connection was made.

use std::os::fd::{BorrowedFd, RawFd};

use socket2::{SockRef, Type};

/// Sets the option on every connection of this process that lacks it. That may be another's, which
/// does it no harm. Elsewhere than on Linux, nothing is done.
pub(crate) fn set_everywhere() {
    let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return };
    for entry in descriptors.flatten() {
        if let Some(descriptor) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            set(descriptor);
        }
    }
}

/// Sets the option if this is a connection that lacks it. What is no socket, and what was closed
/// meanwhile, answers with an error.
#[expect(
    unsafe_code,
    reason = "a descriptor that belongs to rskafka can be had only by its number"
)]
fn set(descriptor: RawFd) {
    if descriptor < 0 {
        return;
    }
    // SAFETY: the number was just listed as open, and is not −1. Should its owner close it meanwhile,
    // the calls below fail, or set the option on whatever got the number since; they read and write
    // no memory but their own, and nothing here closes the descriptor.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let socket = SockRef::from(&descriptor);
    let connected = socket.peer_addr().is_ok_and(|peer| peer.as_socket().is_some());
    let stream = connected && socket.r#type().is_ok_and(|kind| kind == Type::STREAM);
    if stream && let Ok(false) = socket.tcp_nodelay() {
        // A socket that is going away cannot be told, and needs not.
        let _ = socket.set_tcp_nodelay(true);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn every_connection_gets_the_option() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(!client.nodelay().unwrap());

        set_everywhere();

        assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
    }
}
