//! Follows a session's stream from where a client left off: what it missed, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::select;
use futures_util::stream::{BoxStream, StreamExt, unfold};

use super::hub::{Follower, Hub};
use super::refusal::Refusal;
use super::stop::Stop;
use crate::conversation::event::Seq;
use crate::identity::Principal;
use crate::ids::{SessionId, TenantId};
use crate::ports::{PortError, PortResult, Store};
use crate::stream::cursor::Cursor;
use crate::stream::resume::{Frame, FrameBody, Progress, Style};
use crate::work::session::{EventRange, Session};

const PAGE: usize = 200;
/// How many events are read at first to find the end of an answer.
const ENDED: usize = 8;

/// When a stream ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// When the client leaves, the session is deleted or the gateway stops.
    #[default]
    Left,
    /// After the terminal event of the newest turn that was accepted when the client came.
    Final,
}

/// The frames of one client. They end after what the client waits for, or after the session's own
/// end; whatever else ends them is an error, and the client comes back with its last id.
pub type Frames = BoxStream<'static, Result<Frame, Interrupted>>;

/// Why frames end before their end.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The gateway stops.
    #[error("the gateway stops")]
    Stopping,
    /// The store could not be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Follows sessions.
#[derive(Clone)]
pub struct FollowSession {
    store: Arc<dyn Store>,
    hub: Hub,
    stop: Stop,
}

impl FollowSession {
    /// Builds the use case; `stop` ends every stream.
    pub fn new(store: Arc<dyn Store>, hub: Hub, stop: Stop) -> Self {
        Self { store, hub, stop }
    }

    /// Everything after `from`, then what comes. If the session is deleted, the last frame says so.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSession`] if the caller's tenant has no such session;
    /// [`Refusal::NoSuchPosition`] if `from` lies beyond its end.
    pub async fn run(
        &self,
        caller: &Principal,
        session_id: SessionId,
        from: Cursor,
        style: Style,
        until: Until,
    ) -> Result<Frames, Refusal> {
        let follower = self.hub.follow(session_id);
        let session = self.store.session(&caller.tenant, session_id).await?;
        let session = session.ok_or(Refusal::NoSession)?;
        if from.seq > session.chain.count {
            return Err(Refusal::NoSuchPosition);
        }
        follower.confirm(&caller.tenant);
        let following = Following {
            flow: self.clone(),
            tenant: caller.tenant.clone(),
            session_id,
            follower,
            progress: Progress::new(from, style, self.ended(caller, session_id, from.seq).await?),
            end: (until == Until::Final).then(|| End::of(&session)),
            ready: VecDeque::new(),
            stored: true,
            over: false,
        };
        Ok(unfold(following, Following::next).boxed())
    }

    /// The last event up to `seq` that ended an answer.
    async fn ended(&self, caller: &Principal, session: SessionId, seq: Seq) -> PortResult<Seq> {
        // Mostly it is among the last few.
        for count in [ENDED, PAGE] {
            let range = EventRange::Before(seq.next());
            let events = self.store.events(&caller.tenant, session, range, count).await?;
            if let Some(event) = events.iter().find(|event| event.kind.ends_answer()) {
                return Ok(event.seq);
            }
            if events.len() < count {
                break;
            }
        }
        Ok(Seq::default())
    }
}

crate::opaque_debug!(FollowSession);

/// Where a stream that ends by itself ends.
struct End {
    /// The last event when the client came.
    head: Seq,
    /// How many turns were unfinished then: as many terminal events are to come after `head`.
    unfinished: u64,
}

impl End {
    fn of(session: &Session) -> Self {
        let unfinished = session.turns_accepted.saturating_sub(session.turns_done);
        Self { head: session.chain.count, unfinished }
    }

    fn take(&mut self, frame: &Frame) {
        if let FrameBody::Event(event) = &frame.body
            && event.kind.is_terminal()
            && event.seq > self.head
        {
            self.unfinished = self.unfinished.saturating_sub(1);
        }
    }

    fn is_reached(&self, seq: Seq) -> bool {
        self.unfinished == 0 && seq >= self.head
    }
}

/// One client's stream.
struct Following {
    flow: FollowSession,
    tenant: TenantId,
    session_id: SessionId,
    follower: Follower,
    progress: Progress,
    end: Option<End>,
    ready: VecDeque<Frame>,
    /// Whether the store may have events that were not sent.
    stored: bool,
    over: bool,
}

impl Following {
    async fn next(mut self) -> Option<(Result<Frame, Interrupted>, Self)> {
        if self.over {
            return None;
        }
        match self.wait_for_frame().await {
            Ok(Some(frame)) => Some((Ok(frame), self)),
            Ok(None) => None,
            Err(error) => {
                self.over = true;
                Some((Err(error), self))
            }
        }
    }

    async fn wait_for_frame(&mut self) -> Result<Option<Frame>, Interrupted> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                if let Some(end) = &mut self.end {
                    end.take(&frame);
                    self.over = self.ready.is_empty() && end.is_reached(frame.cursor.seq);
                }
                self.over |= frame.body == FrameBody::Deleted;
                return Ok(Some(frame));
            }
            let reached =
                self.end.as_ref().is_some_and(|end| end.is_reached(self.progress.cursor().seq));
            if reached || self.over {
                return Ok(None);
            }
            if self.flow.stop.is_set() {
                return Err(Interrupted::Stopping);
            }
            let listener = self.follower.listen();
            self.gather().await?;
            if self.ready.is_empty() && !self.stored {
                self.wait(listener).await;
            }
        }
    }

    /// Makes ready what the client has not seen: from the store as long as it is behind, and from the
    /// hub, which alone has the running answer.
    async fn gather(&mut self) -> PortResult<()> {
        if self.stored {
            let range = EventRange::After(self.progress.cursor().seq);
            let store = &self.flow.store;
            let events = store.events(&self.tenant, self.session_id, range, PAGE).await?;
            self.stored = events.len() == PAGE;
            for event in events {
                self.ready.extend(self.progress.event(Arc::new(event)));
            }
            if self.stored {
                return Ok(());
            }
        }
        let news = self.follower.news(self.progress.cursor().seq);
        if news.deleted {
            let cursor = self.progress.cursor();
            self.ready.push_back(Frame { cursor, body: FrameBody::Deleted });
            return Ok(());
        }
        self.stored = news.behind;
        if let Some(running) = &news.running {
            self.ready.extend(self.progress.reasoning(running));
            self.ready.extend(self.progress.answer(running));
        }
        for event in news.events {
            self.ready.extend(self.progress.event(event));
        }
        Ok(())
    }

    /// Waits for news, of the log or of the [sweep](super::sweep_followed).
    async fn wait(&self, listener: event_listener::EventListener) {
        select(std::pin::pin!(self.flow.stop.wait()), listener).await;
    }
}
