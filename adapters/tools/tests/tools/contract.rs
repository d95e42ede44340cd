//! Every tool of the platform keeps the contract of its port.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use serde_json::{Value, json};
use soma_core::contract::Fixture;
use soma_core::contract::tool::ToolUnderTest;

use crate::world::{Noted, context, platform};

fn under_test(name: &str, fits: Value, misfits: Vec<Value>) -> ToolUnderTest {
    let memory = Arc::new(Noted { hits: Some(vec![]), ..Noted::default() });
    let registry = platform(Arc::clone(&memory));
    let tool = Arc::clone(registry.get(name).unwrap());
    let under_way = Arc::new(move || memory.under_way.load(Ordering::SeqCst));
    ToolUnderTest { tool, context: context(), fits, misfits, under_way }
}

macro_rules! contract {
    ($module:ident, $fixture:ident, $name:literal, $fits:expr, $misfits:expr) => {
        mod $module {
            use super::*;

            struct $fixture;

            #[async_trait]
            impl Fixture for $fixture {
                type Port = ToolUnderTest;

                const DURABLE: bool = false;

                async fn start() -> Option<Self> {
                    Some(Self)
                }

                async fn open(&self) -> ToolUnderTest {
                    under_test($name, $fits, $misfits)
                }
            }

            soma_core::contract_tests!(tool, $fixture);
        }
    };
}

contract!(
    echo,
    Echo,
    "echo",
    json!({"text": "hi"}),
    vec![json!({}), json!({"text": 7}), json!({"text": "hi", "more": 1}), json!(["hi"])]
);
contract!(
    timestamp,
    Timestamp,
    "timestamp",
    json!({"format": "%Y"}),
    vec![json!({"format": 7}), json!({"format": "%"}), json!({"zone": "UTC"}), json!(["%Y"])]
);
contract!(
    memory_search,
    MemorySearch,
    "memory_search",
    json!({"query": "cat", "limit": 20}),
    vec![
        json!({}),
        json!({"query": "cat", "limit": 0}),
        json!({"query": "cat", "limit": 21}),
        json!({"query": "cat", "limit": -1}),
        json!({"query": "cat", "limit": "many"}),
        json!({"query": "cat", "tenant": "other"}),
    ]
);
