//! One piece of an answer, to everyone who follows the session.

use criterion::{Criterion, Throughput};
use event_listener::{EventListener, Listener};
use soma_core::conversation::event::Seq;
use soma_core::flows::hub::{Follower, Hub};
use soma_core::stream::delta::Delta;

use crate::sample;

/// After so many pieces the answer begins anew: it is never longer than an ordinary one.
const PIECES: u32 = 80;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hub");
    for followers in [1, 100, 1_000] {
        group.throughput(Throughput::Elements(followers));
        group.bench_function(format!("delta to {followers} followers"), |bencher| {
            let mut hall = Hall::of(followers);
            bencher.iter(|| hall.tell_all());
        });
    }
    group.finish();
}

/// A session and those who follow it.
struct Hall {
    hub: Hub,
    followers: Vec<Follower>,
    pieces: Vec<Delta>,
    told: usize,
}

impl Hall {
    fn of(followers: u64) -> Self {
        let talk = sample::conversation();
        let hub = Hub::new();
        let followers = (0..followers).map(|_| hub.follow(talk.session_id)).collect();
        let pieces = (0..PIECES).map(|number| sample::delta(&talk, talk.turn(1), number)).collect();
        Self { hub, followers, pieces, told: 0 }
    }

    /// Everyone waits, is woken by a piece, and looks. Returns how much text they were shown.
    fn tell_all(&mut self) -> usize {
        let waiting: Vec<EventListener> = self.followers.iter().map(Follower::listen).collect();
        let count = self.pieces.len();
        let piece = &mut self.pieces[self.told % count];
        piece.attempt = u32::try_from(self.told / count + 1).unwrap();
        self.told += 1;
        self.hub.delta(piece);
        waiting.into_iter().for_each(Listener::wait);
        let shown = |follower: &Follower| follower.news(Seq(0)).running.unwrap().text.len();
        self.followers.iter().map(shown).sum()
    }
}
