//! How chunks are framed, whatever the response says that it is.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use soma_tests::stub_model::Reply;

use crate::endings::{ends, says};
use crate::row::Row;

fn raw(name: &'static str, body: &str) -> Row {
    Row::new(name, Reply::stream().raw(body.as_bytes()))
}

fn packed(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn rows() -> Vec<Row> {
    let (h, i, end) = (says("h"), says("i"), ends("stop"));
    let whole = json!({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]});
    let long = "x".repeat(2 << 20);
    vec![
        raw(
            "as the standard says",
            &format!("data: {h}\n\ndata: {i}\n\ndata: {end}\n\ndata: [DONE]\n\n"),
        ),
        raw("no space", &format!("data:{h}\n\ndata:{i}\n\ndata:{end}\n\ndata:[DONE]\n\n")),
        raw("carriage returns", &format!("data: {h}\r\n\r\ndata: {i}\r\n\r\ndata: {end}\r\n\r\n")),
        raw("single line feeds", &format!("data: {h}\ndata: {i}\ndata: {end}\ndata: [DONE]\n")),
        raw("no last line feed", &format!("data: {h}\n\ndata: {i}\n\ndata: {end}")),
        raw(
            "nothing after data",
            &format!("data:\n\ndata: {h}\n\ndata: \n\ndata: {i}\n\ndata: {end}\n\n"),
        ),
        raw(
            "ping by its event",
            &format!(
                "event: ping\ndata: ping\n\ndata: {h}\n\nevent: ping\ndata: {{\"type\": \"ping\"}}\n\ndata: {i}\n\ndata: {end}\n\n"
            ),
        ),
        raw(
            "comments",
            &format!(
                ": hello\n\ndata: {h}\n\n: OPENROUTER PROCESSING\n\ndata: {i}\n\ndata: {end}\n\n"
            ),
        ),
        raw("long comment", &format!(": {long}\ndata: {h}\n\ndata: {i}\n\ndata: {end}\n\n")),
        raw("long field", &format!("x: {long}\ndata: {h}\n\ndata: {i}\n\ndata: {end}\n\n")),
        Row::new(
            "packed, which nobody asked for",
            Reply::stream()
                .header("content-encoding", "gzip")
                .raw(&packed(&format!("data: {h}\n\ndata: {i}\n\ndata: {end}\n\n"))),
        ),
        raw("byte order mark", &format!("\u{feff}data: {h}\n\ndata: {i}\n\ndata: {end}\n\n")),
        raw("blank lines first", &format!("\n\n  \ndata: {h}\n\ndata: {i}\n\ndata: {end}\n\n")),
        raw(
            "id and retry",
            &format!("id: 1\nretry: 5\ndata: {h}\n\nid: 2\ndata: {i}\n\ndata: {end}\n\n"),
        ),
        raw(
            "pretty JSON over several lines",
            &format!(
                "data: {}\n\ndata: {i}\n\ndata: {end}\n\n",
                format!("{h:#}").replace('\n', "\ndata: ")
            ),
        ),
        raw("a document that says it is a stream", &whole.to_string()),
        raw("a document with white space around it", &format!("\n  {whole}\n")),
        raw("a document in a list", &format!("[{whole}]")),
        raw("a line of documents that break off", &format!("{h}\n")).fails_after("h", "broken", ""),
        raw("lines of documents", &format!("{h}\n{i}\n{end}\n")),
        Row::new(
            "a document byte by byte",
            Reply::stream().raw(whole.to_string().as_bytes()).bytewise(),
        ),
        Row::new(
            "a stream byte by byte",
            Reply::stream().text("hi").finish("stop").done().bytewise(),
        ),
        Row::new(
            "a stream that says it is a document",
            Reply::stream()
                .header("content-type", "application/json")
                .text("hi")
                .finish("stop")
                .done(),
        ),
        Row::new(
            "a stream that says it is a page",
            Reply::stream().header("content-type", "text/html").text("hi").finish("stop").done(),
        ),
        raw("a word that is no chunk", "data: hello\n\n").fails("broken", ""),
        raw("half a chunk", "data: {\"choices\": [{\"ind\n\n").fails("broken", ""),
        raw("text without a field", "hello\n\n").fails("broken", ""),
        raw("a byte of nothing", "\n").fails("broken", ""),
    ]
}
