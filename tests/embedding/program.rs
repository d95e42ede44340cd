use std::sync::Arc;

use futures_util::StreamExt;
use soma_conversation_worker::ConversationWorker;
use soma_core::flows::answer_message::{AnswerMessage, AnswerPorts};
use soma_core::flows::claims::Capacity;
use soma_core::flows::follow_session::{FollowSession, Until};
use soma_core::flows::relay_outbox::RelayOutbox;
use soma_core::flows::service::Service;
use soma_core::flows::submit_message::{NewMessage, SubmitMessage};
use soma_core::flows::{hub::Hub, stop::Stop, tail_outbound::TailOutbound};
use soma_core::identity::Principal;
use soma_core::stream::{cursor::Cursor, resume::FrameBody, resume::Style};
use soma_core::turn::config::TurnConfig;
use soma_inproc::{
    InprocLedger, InprocLog, InprocMemory, InprocRateLimit, InprocWake, StaticPolicy,
};
use soma_model::OfflineModel;
use soma_tokio::{TokioSpawner, world};

/// Answers one message, all in memory. Any port can be yours instead.
pub(crate) async fn answer(message: &str) -> Result<String, Box<dyn std::error::Error>> {
    let tasks = TokioSpawner::new(tokio::runtime::Handle::current());
    let world = world(&tasks, Arc::new(InprocWake::new()));
    let ledger = Arc::new(InprocLedger::new(world.clock.clone()));
    let log = Arc::new(InprocLog::new(world.timer.clone()));
    let ports = AnswerPorts {
        store: ledger.clone(),
        log: log.clone(),
        policy: Arc::new(StaticPolicy::default()),
        budget: ledger.clone(),
        memory: Arc::new(InprocMemory::new(world.clock.clone())),
        model: Arc::new(OfflineModel::new(world.timer.clone())),
    };
    let answering = AnswerMessage::new(ports, TurnConfig::of("offline"), Vec::new(), world.clone());
    let at_once = (answering, Capacity::default());
    let worker = ConversationWorker::new(
        log.clone(),
        ledger.clone(),
        ledger.clone(),
        at_once,
        world.clone(),
    );
    let relay = RelayOutbox::new(ledger.clone(), ledger.clone(), log.clone(), world.clone());
    let (hub, stop) = (Hub::new(), Stop::new());
    let tail = TailOutbound::new(log, hub.clone(), world.clone());
    let until = stop.clone();
    let services =
        async move { tokio::join!(worker.run(&until), relay.run(&until), tail.run(&until)) };
    let services = tokio::spawn(services);

    let caller = Principal::new("public".parse()?, "me");
    let submit =
        SubmitMessage::new(ledger.clone(), Arc::new(InprocRateLimit::new()), None, world.clone());
    let accepted = submit
        .run(&caller, NewMessage { message: message.into(), ..NewMessage::default() })
        .await?;

    let follow = FollowSession::new(ledger, hub, world, stop.clone());
    let from = Cursor::default();
    let mut frames =
        follow.run(&caller, accepted.session_id, from, Style::Deltas, Until::Final).await?;
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
