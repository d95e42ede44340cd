//! The routes: one file per group, and one table that is served and compared with the document.

mod conversation;
pub(crate) mod dead_letters;
pub(crate) mod health;
pub(crate) mod message;
pub(crate) mod page;
pub(crate) mod sessions;
pub(crate) mod sse;
pub(crate) mod stream;
pub(crate) mod tools;
pub(crate) mod websocket;

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route};
use soma_core::flows::refusal::Refusal;
use soma_core::ids::SessionId;

use crate::error::Problem;
use crate::fields::Fields;

/// An address, and what is served there.
pub(crate) struct Endpoint {
    /// The address.
    pub(crate) path: &'static str,
    methods: Vec<Method>,
    routes: Vec<Route>,
}

impl Endpoint {
    /// An address where nothing is served yet.
    pub(crate) const fn at(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), routes: Vec::new() }
    }

    /// Serves a method, and with GET also HEAD: the guard leaves the body out.
    pub(crate) fn on<F, Args>(mut self, method: Method, handler: F) -> Self
    where
        F: Handler<Args, Output: Responder + 'static>,
        Args: FromRequest + 'static,
    {
        if method == Method::GET {
            self.routes.push(web::head().to(handler.clone()));
        }
        self.routes.push(web::method(method.clone()).to(handler));
        self.methods.push(method);
        self
    }

    /// The methods that are served, without HEAD.
    #[cfg(test)]
    pub(crate) fn methods(&self) -> &[Method] {
        &self.methods
    }

    fn into_resource(self) -> Resource {
        let resource = self.routes.into_iter().fold(Resource::new(self.path), Resource::route);
        let methods = self.methods;
        resource.default_service(web::to(move || std::future::ready(refuse(&methods))))
    }
}

fn refuse(allowed: &[Method]) -> Result<&'static str, Problem> {
    Err(Problem::method(allowed))
}

/// Everything that is served.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let groups = [
        message::endpoints(),
        sse::endpoints(),
        websocket::endpoints(),
        sessions::endpoints(),
        tools::endpoints(),
        dead_letters::endpoints(),
        health::endpoints(),
        page::endpoints(),
    ];
    groups.into_iter().flatten().collect()
}

/// Serves everything; what is not there is a problem too.
pub(crate) fn configure(config: &mut ServiceConfig) {
    serve(config, endpoints());
}

/// Serves what is for operators only.
pub(crate) fn configure_operations(config: &mut ServiceConfig) {
    serve(config, health::of_any_process());
}

fn serve(config: &mut ServiceConfig, endpoints: Vec<Endpoint>) {
    for endpoint in endpoints {
        config.service(endpoint.into_resource());
    }
    config.default_service(web::to(|| std::future::ready(no_route())));
}

fn no_route() -> Result<&'static str, Problem> {
    Err(Problem::no_route())
}

/// The session that a path names.
fn session_of(request: &HttpRequest) -> Result<SessionId, Problem> {
    let session = request.match_info().get("session_id").unwrap_or_default();
    let session = session.parse::<SessionId>();
    session.map_err(|error| Refusal::invalid("session_id", error.to_string()).into())
}

/// A number of a query: more than a store can count is none.
fn number(query: &mut Fields, name: &str) -> Option<u64> {
    const MOST: u64 = i64::MAX.cast_unsigned();
    let number: u64 = query.text(name)?;
    if number > MOST {
        return query.wrong(name, format!("must be from 0 to {MOST}"));
    }
    Some(number)
}

/// How many items of a query's page.
fn limit(query: &mut Fields, default: usize, most: usize) -> usize {
    match query.text::<usize>("limit") {
        Some(limit) if (1..=most).contains(&limit) => limit,
        Some(_) => {
            query.wrong::<()>("limit", format!("must be from 1 to {most}"));
            default
        }
        None => default,
    }
}
