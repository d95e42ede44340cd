//! The page: a conversation in a browser.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Endpoint;
use crate::openapi::schema;

const PAGE: &str = include_str!("../../page/index.html");
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::at("/").on(Method::GET, page)]
}

/// Shows the page.
#[utoipa::path(
    get, path = "/", tag = "operations",
    responses(
        (status = 200, body = String, content_type = "text/html",
            description = "A page to converse on"),
        schema::Refused,
    ),
)]
pub(crate) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(PAGE)
}

/// The page may run its own script and speak to its own origin, and nothing else.
fn policy() -> String {
    let hash = |tag: &str| STANDARD.encode(Sha256::digest(content(tag)));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style"),
    )
}

/// What stands in the page's only element of this name.
fn content(tag: &str) -> &'static str {
    let inside = PAGE.split_once(&format!("<{tag}>")).map(|(_, rest)| rest);
    let content = inside.and_then(|rest| rest.split_once(&format!("</{tag}>")));
    content.map(|(content, _)| content).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_brings_one_script_and_one_style_and_nothing_from_elsewhere() {
        for tag in ["script", "style"] {
            assert_eq!(PAGE.matches(&format!("<{tag}")).count(), 1, "{tag}");
            assert!(!content(tag).is_empty(), "{tag}");
        }
        for foreign in ["http://", "https://", " src=", "style=", "onclick", "innerHTML", "eval("] {
            assert!(!PAGE.contains(foreign), "{foreign}");
        }
    }
}
