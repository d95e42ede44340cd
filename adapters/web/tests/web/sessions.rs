//! Sessions: listed, read, cancelled, deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use soma_core::conversation::event::EventType;

use crate::app::App;

#[tokio::test]
async fn sessions_are_listed_page_by_page_newest_first() {
    let app = App::start();
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, app.said().await.session_id.to_string());
        app.parts.clock.advance(Duration::from_secs(1));
    }
    app.said_by("rival", None).await;

    let mut listed = Vec::new();
    let mut target = "/v1/sessions?limit=2".to_owned();
    loop {
        let page = app.get(&target).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        listed.extend(items.iter().map(|it| it["session_id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        target = format!("/v1/sessions?limit=2&after={next}");
    }

    assert_eq!(listed, expected);
}

#[tokio::test]
async fn session_says_how_far_it_is_and_not_whose_it_is() {
    let app = App::start();
    let turn = app.said().await;
    let last = app.finished(&turn, "hi").await;

    let session = app.get(&format!("/v1/sessions/{}", turn.session_id)).await.json();

    assert_eq!(session["session_id"], turn.session_id.to_string());
    assert_eq!(session["chain"]["count"], last.seq.0);
    assert_eq!(session["chain"]["head"], last.hash.to_string());
    assert_eq!(session["turns_accepted"], 1);
    assert_eq!(session["turns_done"], 1);
    assert_eq!(session.get("tenant"), None);
}

#[tokio::test]
async fn events_are_read_page_by_page_oldest_first() {
    let app = App::start();
    let turn = app.said().await;
    app.happened(&turn, EventType::AssistantStarted, 1).await;
    app.finished(&turn, "hi").await;
    let base = format!("/v1/sessions/{}/events", turn.session_id);

    let first = app.get(&format!("{base}?limit=2")).await.json();
    let rest = app.get(&format!("{base}?after={}", first["next_cursor"])).await.json();
    let none = app.get(&format!("{base}?after=3")).await.json();
    let beyond = app.get(&format!("{base}?after={}", u64::MAX)).await;

    assert_eq!(first["session_id"], turn.session_id.to_string());
    assert_eq!(first["events"][0]["type"], "user.message");
    assert_eq!(first["events"][1]["seq"], 2);
    assert_eq!(rest["events"][0]["type"], "assistant.final");
    assert!(rest["next_cursor"].is_null());
    assert_eq!(none["events"], serde_json::json!([]));
    assert!(beyond.head.status < 500, "{}", beyond.body);
}

#[tokio::test]
async fn history_is_what_was_said() {
    let app = App::start();
    let turn = app.said().await;
    app.happened(&turn, EventType::AssistantStarted, 1).await;
    app.finished(&turn, "hi").await;

    let target = format!("/v1/sessions/{}/history", turn.session_id);
    let history = app.get(&target).await.json();

    let said: Vec<_> =
        history["events"].as_array().unwrap().iter().map(|event| &event["message"]).collect();
    assert_eq!(said, ["hello", "hi"]);
}

#[tokio::test]
async fn cancelling_reaches_the_running_turn_and_on_request_those_that_wait() {
    let app = App::start();
    let first = app.said().await;
    let second = app.said_by("acme", Some(first.session_id)).await;
    let cancelled = async |turn| app.parts.store_turn(turn).await.cancel_requested;

    let target = format!("/v1/sessions/{}/cancel", first.session_id);
    let one = app.request("POST", &target).send().await;

    assert_eq!(one.head.status, 202);
    assert_eq!(one.json()["session_id"], first.session_id.to_string());
    assert!(cancelled(first.turn_id).await && !cancelled(second.turn_id).await);

    let all = app.request("POST", &format!("{target}?turns=all")).send().await;

    assert_eq!(all.head.status, 202);
    assert!(cancelled(second.turn_id).await);
    let some = app.request("POST", &format!("{target}?turns=some")).send().await;
    assert_eq!(some.problem().2, ["turns"]);
}

#[tokio::test]
async fn number_that_no_event_can_have_is_named() {
    let app = App::start();
    let base = format!("/v1/sessions/{}/events", app.said().await.session_id);

    for number in ["9223372036854775808", "18446744073709551615", "18446744073709551616", "-1"] {
        let answer = app.get(&format!("{base}?after={number}")).await;
        assert_eq!(answer.problem(), (422, "invalid-request".into(), vec!["after".into()]));
    }
    let last = app.get(&format!("{base}?after=9223372036854775807")).await.json();
    assert_eq!(last["events"], serde_json::json!([]));
}

#[tokio::test]
async fn deleted_session_is_gone() {
    let app = App::start();
    let session = app.said().await.session_id;
    let target = format!("/v1/sessions/{session}");

    let deleted = app.request("DELETE", &target).send().await;

    assert_eq!((deleted.head.status, deleted.body.as_str()), (204, ""));
    assert_eq!(app.get(&target).await.refused(404), "no-such-session");
    let again = app.request("DELETE", &target).send().await;
    assert_eq!(again.refused(404), "no-such-session");
}

#[tokio::test]
async fn parameters_that_are_wrong_are_named() {
    let app = App::start();
    let session = app.said().await.session_id;

    let events = format!("/v1/sessions/{session}/events");
    for (target, wrong) in [
        ("/v1/sessions?limit=0".to_owned(), vec!["limit"]),
        ("/v1/sessions?limit=201".into(), vec!["limit"]),
        ("/v1/sessions?limit=x".into(), vec!["limit"]),
        ("/v1/sessions?after=x".into(), vec!["after"]),
        (format!("{events}?after=-1&limit=501"), vec!["after", "limit"]),
        (format!("{events}?after=1.5"), vec!["after"]),
    ] {
        let (status, kind, fields) = app.get(&target).await.problem();
        assert_eq!((status, kind.as_str()), (422, "invalid-request"), "{target}");
        let wrong: BTreeSet<_> = wrong.into_iter().map(str::to_owned).collect();
        assert_eq!(fields.into_iter().collect::<BTreeSet<_>>(), wrong, "{target}");
    }
}
