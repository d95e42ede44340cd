//! Asking a port many things at the same time.

use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_util::future::join_all;

use super::{Fixture, vacuous};

/// Asks all of `questions` at the same time, and returns their answers in that order: each from a
/// thread of its own, which begin together, or side by side in one task where the fixture says that
/// there are no threads. A port that reads under one lock and writes under another fails only in the
/// former.
pub async fn at_once<F, Q>(_fixture: &F, questions: impl IntoIterator<Item = Q>) -> Vec<Q::Output>
where
    F: Fixture,
    Q: Future<Output: Send> + Send,
{
    let questions: Vec<Q> = questions.into_iter().collect();
    if F::THREADS {
        return on_threads(questions);
    }
    vacuous::<F>("nothing happens at the same time without threads");
    join_all(questions).await
}

fn on_threads<Q>(questions: Vec<Q>) -> Vec<Q::Output>
where
    Q: Future<Output: Send> + Send,
{
    let together = Barrier::new(questions.len());
    thread::scope(|scope| {
        let asked: Vec<_> = questions
            .into_iter()
            .map(|question| {
                scope.spawn(|| {
                    together.wait();
                    block_on(question)
                })
            })
            .collect();
        let answered = asked.into_iter().map(thread::ScopedJoinHandle::join);
        answered
            .map(|answer| answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Runs a future to its end on this thread.
fn block_on<Q: Future>(question: Q) -> Q::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut question = pin!(question);
    loop {
        match question.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
