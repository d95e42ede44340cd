//! The suite of [`Model`]. What goes wrong at a model's side is the adapter's to stage: its fixture
//! brings one model for each way.

use std::sync::Arc;

use futures_util::StreamExt;
use uuid::Uuid;

use super::Fixture;
use crate::conversation::model::{ChatMessage, ModelFailure};
use crate::conversation::profile::ModelProfile;
use crate::ids::{SessionId, TurnId};
use crate::ports::Model;
use crate::ports::model::{About, ModelEvent, ModelRequest};

super::suite! { model:
    answer_ends_with_one_done,
    text_is_never_empty,
    answer_that_breaks_off_is_broken,
    silence_is_a_timeout,
    refusal_is_one_failure,
    failures_hold_no_secret,
    dropping_the_stream_ends_the_call,
    longer_texts_have_no_fewer_tokens,
    model_says_who_it_is,
}

/// What the suite tests: one implementation in several situations. A situation that cannot come
/// about, because nothing is behind the model, is `None`.
pub struct ModelUnderTest {
    /// It answers with some text.
    pub answering: Arc<dyn Model>,
    /// Its answer breaks off after some text.
    pub breaking_off: Option<Arc<dyn Model>>,
    /// It falls silent, before or within an answer.
    pub silent: Option<Arc<dyn Model>>,
    /// It refuses, and its side quotes the secret in what it says.
    pub refusing: Option<Arc<dyn Model>>,
    /// The secret that `refusing` was asked with.
    pub secret: String,
    /// How many calls of `answering` are under way, seen from the other side.
    pub under_way: Arc<dyn Fn() -> usize + Send + Sync>,
}

crate::opaque_debug!(ModelUnderTest);

/// A request as a turn makes it: one message, no tools.
pub fn request(text: &str) -> ModelRequest {
    ModelRequest {
        session_id: SessionId::from_uuid(Uuid::from_u128(1)),
        turn_id: TurnId::from_uuid(Uuid::from_u128(2)),
        profile: ModelProfile::new("test", 256, 8_192),
        messages: vec![ChatMessage::User { content: text.into() }],
        tools: Vec::new(),
        max_tokens: 256,
        about: About { analysis: None, recalled: Vec::new(), history: 0 },
    }
}

/// Everything that comes of asking, up to the end of the stream.
async fn ask(model: &Arc<dyn Model>) -> Vec<Result<ModelEvent, ModelFailure>> {
    match model.generate(request("hello")).await {
        Ok(stream) => stream.collect().await,
        Err(failure) => vec![Err(failure)],
    }
}

/// Asserts that everything but the last is text, and returns the failure that is the last.
fn failure_at_the_end(mut events: Vec<Result<ModelEvent, ModelFailure>>) -> ModelFailure {
    let last = events.pop();
    assert!(events.iter().all(|event| matches!(event, Ok(ModelEvent::Text(_)))), "{events:?}");
    match last {
        Some(Err(failure)) => failure,
        other => panic!("{other:?} at the end"),
    }
}

/// The stream is text, then exactly one `Done`, then nothing.
pub async fn answer_ends_with_one_done<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let model = fixture.open().await.answering;

    let mut events = ask(&model).await;

    let last = events.pop();
    assert!(matches!(last, Some(Ok(ModelEvent::Done { .. }))), "{last:?} after {events:?}");
    assert!(!events.is_empty(), "there is an answer");
    assert!(events.iter().all(|event| matches!(event, Ok(ModelEvent::Text(_)))), "{events:?}");
}

/// No event is an empty text.
pub async fn text_is_never_empty<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let model = fixture.open().await.answering;

    let events = ask(&model).await;

    assert!(!events.contains(&Ok(ModelEvent::Text(String::new()))), "{events:?}");
}

/// An answer that breaks off says so, after the text that came.
pub async fn answer_that_breaks_off_is_broken<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let Some(model) = fixture.open().await.breaking_off else {
        return super::vacuous::<F>("its answers cannot break off");
    };

    let events = ask(&model).await;

    assert!(events.len() > 1, "some text came before: {events:?}");
    assert_eq!(failure_at_the_end(events), ModelFailure::Broken);
}

/// A model that falls silent is not waited for without end.
pub async fn silence_is_a_timeout<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let Some(model) = fixture.open().await.silent else {
        return super::vacuous::<F>("it cannot fall silent");
    };

    let events = ask(&model).await;

    assert_eq!(failure_at_the_end(events), ModelFailure::Timeout);
}

/// A refusal comes once, before or within the stream, and nothing follows it.
pub async fn refusal_is_one_failure<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let Some(model) = fixture.open().await.refusing else {
        return super::vacuous::<F>("it refuses nothing");
    };

    let failure = failure_at_the_end(ask(&model).await);

    assert!(!matches!(failure, ModelFailure::Broken | ModelFailure::Timeout), "{failure:?}");
}

/// Neither text form of a failure holds the secret.
pub async fn failures_hold_no_secret<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let under_test = fixture.open().await;
    let Some(model) = under_test.refusing else {
        return super::vacuous::<F>("it refuses nothing");
    };
    assert!(!under_test.secret.is_empty(), "the suite needs a secret");

    let failure = failure_at_the_end(ask(&model).await);

    let texts = format!("{failure} {failure:?} {}", model.describe());
    assert!(!texts.contains(&under_test.secret), "{texts}");
}

/// The other side sees the call end when its stream is dropped in the middle.
pub async fn dropping_the_stream_ends_the_call<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let under_test = fixture.open().await;
    let mut stream = under_test.answering.generate(request("hello")).await.unwrap();
    let first = stream.next().await;
    assert!(matches!(first, Some(Ok(_))), "{first:?}");

    drop(stream);

    assert_eq!((under_test.under_way)(), 0);
}

/// More text never counts for less, and no text for nothing.
pub async fn longer_texts_have_no_fewer_tokens<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let model = fixture.open().await.answering;

    let counts = ["", "one", "one two", "one two three, and four"].map(|text| model.count(text));

    assert_eq!(counts[0], 0);
    assert!(counts[1] > 0 && counts.is_sorted(), "{counts:?}");
}

/// A person can be told which model answers.
pub async fn model_says_who_it_is<F>(fixture: F)
where
    F: Fixture<Port = ModelUnderTest>,
{
    let model = fixture.open().await.answering;

    assert!(!model.describe().trim().is_empty());
}
