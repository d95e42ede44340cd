//! `soma dlq`: what was set aside is shown, redriven or dropped.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use soma_runtime::report::Fatal;
use uuid::Uuid;

use super::block_on;
use crate::client::Client;
use crate::terminal::Output;
use crate::trouble::{FAILED, Trouble};

const ROOT: &str = "/v1/admin/dlq";

#[derive(Debug, Args)]
pub(super) struct Dlq {
    /// The gateway's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:20016", global = true)]
    url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count the dead letters by topic, and list them, the newest first
    List {
        /// Only those of a topic, such as conversation.inbound
        topic: Option<String>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Go on after a page, from where it says
        #[arg(long, value_name = "CURSOR")]
        after: Option<u64>,
    },
    /// Print a dead letter whole, as JSON
    Show {
        /// The topic that it came from
        topic: String,
        /// Its id, as it is listed
        id: Uuid,
    },
    /// Send dead letters again, once their cause is gone
    Redrive(Which),
    /// Drop dead letters for good
    Drop(Which),
}

#[derive(Debug, Args)]
#[group(skip)]
struct Which {
    /// The topic that they came from
    topic: String,
    /// Their ids, as they are listed
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<Uuid>,
    /// All of the topic; of a redrive the oldest 1000
    #[arg(long)]
    all: bool,
}

impl Dlq {
    pub(super) fn run(self) -> Result<ExitCode, Fatal> {
        soma_model::install_tls();
        block_on(async move {
            let client = Client::new(&self.url, None)?;
            let done = perform(&client, self.command).await;
            Ok(done.unwrap_or_else(|trouble| trouble.report()))
        })
    }
}

async fn perform(client: &Client, command: Command) -> Result<ExitCode, Trouble> {
    let (text, code) = match command {
        Command::List { topic, limit, after } => {
            let topic = topic.map(|topic| format!("/{topic}")).unwrap_or_default();
            let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
            let path = format!("{ROOT}{topic}?limit={limit}{after}");
            (listed(&client.operate(Method::GET, &path, None).await?), ExitCode::SUCCESS)
        }
        Command::Show { topic, id } => {
            let path = format!("{ROOT}/{topic}/{id}");
            let letter = client.operate(Method::GET, &path, None).await?;
            (format!("{letter:#}\n"), ExitCode::SUCCESS)
        }
        Command::Redrive(Which { topic, ids, all }) => {
            let body = if all { json!({}) } else { json!({"ids": ids}) };
            let path = format!("{ROOT}/{topic}/redrive");
            redriven(&client.operate(Method::POST, &path, Some(&body)).await?)
        }
        Command::Drop(Which { topic, ids, all }) => {
            let dropped = if all {
                drop_all(client, &topic).await
            } else {
                drop_each(client, &topic, &ids).await
            };
            (format!("dropped {}\n", dropped?), ExitCode::SUCCESS)
        }
    };
    Output::new().print(&text)?;
    Ok(code)
}

async fn drop_all(client: &Client, topic: &str) -> Result<u64, Trouble> {
    let purged = client.operate(Method::DELETE, &format!("{ROOT}/{topic}"), None).await?;
    Ok(count(&purged, "deleted"))
}

/// One that is not there any more stops it: whoever drops it by its id has seen it.
async fn drop_each(client: &Client, topic: &str, ids: &[Uuid]) -> Result<u64, Trouble> {
    let mut dropped = 0;
    for id in ids {
        client.operate(Method::DELETE, &format!("{ROOT}/{topic}/{id}"), None).await?;
        dropped += 1;
    }
    Ok(dropped)
}

/// A line for each topic, and one for each letter.
fn listed(page: &Value) -> String {
    let mut text = String::new();
    for topic in items(page, "topics") {
        let (name, depth) = (word(topic, "source_topic"), count(topic, "depth"));
        let _ = writeln!(text, "{name}: {depth}, since {}", word(topic, "oldest"));
    }
    for letter in items(page, "items") {
        let place = |name| letter.get(name).and_then(Value::as_u64);
        let from = place("partition").zip(place("offset"));
        let from = from.map(|(partition, offset)| format!("/{partition}@{offset}"));
        let (id, topic, at) =
            (word(letter, "id"), word(letter, "source_topic"), word(letter, "created_at"));
        let _ =
            write!(text, "{id} {topic}{} {at} {}", from.unwrap_or_default(), word(letter, "error"));
        if letter.get("not_redrivable").is_some_and(Value::is_string) {
            let _ = write!(text, " (not redrivable: {})", word(letter, "not_redrivable"));
        }
        text.push('\n');
    }
    if let Some(next) = page.get("next_cursor").and_then(Value::as_u64) {
        let _ = writeln!(text, "More with --after {next}");
    }
    text
}

/// What was refused is said letter by letter, and makes it a failure.
fn redriven(report: &Value) -> (String, ExitCode) {
    let (redriven, gone) = (count(report, "redriven"), count(report, "gone"));
    let refused = items(report, "refused");
    let mut text = format!("redriven {redriven}, gone {gone}, refused {}\n", refused.len());
    for one in refused {
        let _ = writeln!(text, "{}: {}", word(one, "id"), word(one, "detail"));
    }
    (text, if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn count(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}
