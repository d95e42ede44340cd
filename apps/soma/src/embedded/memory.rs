//! Giving memory back to the system.

use std::hint::black_box;
use std::time::Duration;

use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;

/// How often: mimalloc keeps what is free for a second first.
const PAUSE: Duration = Duration::from_secs(2);

/// More than mimalloc has a page for.
const LARGE: usize = 8 << 20;

/// Has the allocator give back what has been free for a while, until `stop`. Mimalloc looks for it only
/// when it makes or frees a page, which it does not while the platform is idle: the memory of streams
/// that were closed would stay. What is allocated here has a page of its own, and is not touched.
pub(super) async fn give_back(world: World, stop: Stop) {
    while !stop.is_set() {
        drop(black_box(Vec::<u8>::with_capacity(LARGE)));
        world.pause(PAUSE, &stop).await;
    }
}
