//! How a client follows its stream, and gets it back where it lost it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use soma_core::flows::follow_session::Until;
use soma_core::flows::refusal::Refusal;
use soma_core::stream::resume::FrameBody;

use super::{Client, Stream};
use crate::audit::Invariant;

impl Client {
    /// Follows for a while, and takes its time over every frame.
    pub(super) async fn read(&mut self, span: Duration, pause: Duration) {
        let timer = Arc::clone(&self.street.world.timer);
        self.follows_since = pause.is_zero().then(|| self.street.world.clock.now());
        let mut over = timer.sleep(span);
        loop {
            match select(pin!(self.follow()), over).await {
                Either::Left(((), rest)) => over = rest,
                Either::Right(_) => return,
            }
            if !pause.is_zero() {
                timer.sleep(pause).await;
            }
        }
    }

    /// One frame, or one try to get the stream back.
    pub(super) async fn follow(&mut self) {
        let Some(Stream { frames, gateway, until }) = &mut self.stream else {
            return self.connect().await;
        };
        let frame = match select(frames.next(), pin!(gateway.gone.wait())).await {
            Either::Left((Some(Ok(frame)), _)) => Some(frame),
            Either::Left((None, _)) => {
                if let Some(turn) = until.filter(|turn| !self.view.ended.contains(turn))
                    && !gateway.stopping.is_set()
                {
                    let what = format!("a stream ended before {turn}, and was to end with it");
                    self.street.audit.violate(Invariant::NothingLost, what);
                }
                None
            }
            Either::Left((Some(Err(_)), _)) | Either::Right(_) => None,
        };
        match frame {
            Some(frame) => {
                let street = &self.street;
                street.process.note(|| format!("{:?} sees {}", self.session, frame.cursor));
                if self.view.pieces() == 0 {
                    let is_piece = matches!(frame.body, FrameBody::Answer { .. });
                    self.first_shown = is_piece.then(|| street.world.clock.now());
                }
                if let (FrameBody::Event(event), Some(since)) = (&frame.body, self.follows_since) {
                    street.audit.seen(event, since, self.first_shown);
                }
                self.view.take(&frame);
            }
            None => self.stream = None,
        }
    }

    async fn connect(&mut self) {
        let (Some(session), Some(gateway)) = (self.session, self.gateway()) else {
            return self.pause().await;
        };
        let from = self.view.position();
        let style = self.part.style;
        let caller = self.caller.clone();
        let newest = self.accepted.as_ref().map(|(_, receipt)| receipt.turn_id);
        let until = newest.filter(|_| self.chance.one_in(4));
        let how = if until.is_some() { Until::Final } else { Until::Left };
        let asked = gateway.follow.run(&caller, session, from, style, how);
        match select(pin!(asked), pin!(gateway.gone.wait())).await {
            Either::Left((Ok(frames), _)) => {
                let now = self.street.world.clock.now();
                self.follows_since = self.follows_since.map(|_| now);
                self.stream = Some(Stream { frames, gateway: gateway.clone(), until });
            }
            Either::Left((Err(Refusal::Port(_)), _)) | Either::Right(_) => self.pause().await,
            Either::Left((Err(refusal), _)) => {
                let what = format!("{session} cannot be followed from {from}: {refusal}");
                self.street.audit.violate(Invariant::NothingLost, what);
                self.pause().await;
            }
        }
    }
}
