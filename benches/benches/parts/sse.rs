//! Reading a model's stream: a mebibyte of small chunks, as they come from a socket.

use criterion::{Criterion, Throughput};
use serde_json::json;
use soma_model::sse::Parser;

const BYTES: usize = 1 << 20;
/// What one read of a socket brings.
const READ: usize = 16 << 10;

pub(crate) fn bench(criterion: &mut Criterion) {
    let stream = stream();
    let mut group = criterion.benchmark_group("sse");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            let mut parser = Parser::new();
            stream.chunks(READ).map(|bytes| parser.push(bytes).unwrap().len()).sum::<usize>()
        });
    });
    group.finish();
}

fn stream() -> Vec<u8> {
    let chunk = json!({
        "id": "chatcmpl-7",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "acme/small",
        "choices": [{"index": 0, "delta": {"content": "harbour "}, "finish_reason": null}],
    });
    format!("data: {chunk}\n\n").into_bytes().into_iter().cycle().take(BYTES).collect()
}
