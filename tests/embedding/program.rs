use std::sync::Arc;

use futures_util::StreamExt;
use soma_core::flows::follow_session::Until;
use soma_core::flows::service::Service;
use soma_core::flows::submit_message::NewMessage;
use soma_core::flows::{hub::Hub, stop::Stop};
use soma_core::identity::Principal;
use soma_core::stream::{cursor::Cursor, resume::FrameBody, resume::Style};
use soma_core::turn::config::TurnConfig;
use soma_inproc::{InprocToolbox, InprocWake};
use soma_model::OfflineModel;
use soma_services::{Composition, ConversationWorker, OutboxSync, Ports, Settings};
use soma_tokio::{TokioSpawner, world};

/// Answers one message, all in memory. Any port can be yours instead.
pub(crate) async fn answer(message: &str) -> Result<String, Box<dyn std::error::Error>> {
    let tasks = TokioSpawner::new(tokio::runtime::Handle::current());
    let world = world(&tasks, Arc::new(InprocWake::new()));
    let model = Arc::new(OfflineModel::new(world.timer.clone()));
    let tools = Arc::new(InprocToolbox::default());
    let ports = Ports::in_memory(&world.clock, &world.timer, model, tools);
    let settings = Settings::of(TurnConfig::of("offline"));
    let composition = Composition { ports, settings, world };
    let (hub, stop) = (Hub::new(), Stop::new());
    let gateway = composition.gateway(&hub, &stop);
    let worker = ConversationWorker::new(&composition);
    let relay = OutboxSync::new(&composition);
    let (tail, until) = (gateway.clone(), stop.clone());
    let services =
        async move { tokio::join!(worker.run(&until), relay.run(&until), tail.run(&until)) };
    let services = tokio::spawn(services);

    let caller = Principal::new("public".parse()?, "me");
    let message = NewMessage { message: message.into(), ..NewMessage::default() };
    let accepted = gateway.submit.run(&caller, message).await?;

    let (session, from) = (accepted.session_id, Cursor::default());
    let follow = gateway.follow.run(&caller, session, from, Style::Deltas, Until::Final);
    let mut frames = follow.await?;
    let mut answer = String::new();
    while let Some(frame) = frames.next().await {
        if let FrameBody::Answer { text, .. } = frame?.body {
            answer.push_str(&text);
        }
    }
    stop.trigger();
    services.await?;
    Ok(answer)
}
