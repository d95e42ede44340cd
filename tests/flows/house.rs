//! The platform as most tests want it: one model, and the tool `echo`.

use std::sync::Arc;

use soma_core::memory::RecallQuery;
use soma_core::ports::Log;
use soma_core::ports::model::ModelRequest;
use soma_inproc::{Script, ScriptedTool};
use soma_tests::platform::{
    Cast, Client, Platform, Ports, Settings, Stage, Tools, Unit, Watch, asks_for, has_tool_results,
    settings,
};

/// Everything runs.
pub(crate) struct House {
    pub(crate) platform: Arc<Platform>,
    pub(crate) model: Arc<Cast>,
    pub(crate) echo: Arc<ScriptedTool>,
}

/// A house that is not open yet.
pub(crate) struct Plan {
    pub(crate) stage: Stage,
    pub(crate) ports: Ports,
    truth: Ports,
    pub(crate) settings: Settings,
    model: Arc<Cast>,
    echo: Arc<ScriptedTool>,
}

impl Plan {
    /// A house whose model answers by `choose`.
    pub(crate) fn new<C>(choose: C) -> Self
    where
        C: Fn(&ModelRequest, usize) -> Script + Send + Sync + 'static,
    {
        let stage = Stage::new();
        let model = Cast::new(&stage, choose);
        let echo = Arc::new(ScriptedTool::echo("echo"));
        let tools = Tools::one(echo.clone());
        let ports = stage.ports(model.clone(), tools);
        let truth = ports.clone();
        Self { stage, ports, truth, settings: settings(), model, echo }
    }

    /// A house whose model says the same every time.
    pub(crate) fn saying(text: &str) -> Self {
        let text = text.to_owned();
        Self::new(move |_, _| Script::answer(&text))
    }

    /// A house whose model asks for `tool` once in each turn, and then answers.
    pub(crate) fn asking_for(tool: &'static str) -> Self {
        Self::new(move |request, _| {
            if has_tool_results(request) {
                Script::answer("So says the tool.")
            } else {
                asks_for("Let me see.", &[(tool, r#"{"say":"ho"}"#)])
            }
        })
    }

    /// With this log, which is the test's to damage.
    pub(crate) fn over<L>(mut self, log: &Arc<L>) -> Self
    where
        L: Log + 'static,
    {
        self.truth.log = log.clone();
        self.ports.log = log.clone();
        self
    }

    /// With something changed.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Starts everything.
    pub(crate) fn open(self) -> House {
        self.open_watched(&Watch::new())
    }

    /// Starts everything, with someone who counts what is asked.
    pub(crate) fn open_watched(self, watch: &Arc<Watch>) -> House {
        self.start(&Unit::ALL, watch)
    }

    /// Starts some services only.
    pub(crate) fn open_with(self, units: &[Unit]) -> House {
        self.start(units, &Watch::new())
    }

    fn start(self, units: &[Unit], watch: &Arc<Watch>) -> House {
        let platform = Platform::new(self.stage, self.truth, self.ports);
        let platform = Arc::new(platform.with_settings(self.settings).watched_by(watch));
        for unit in units {
            platform.start(*unit);
        }
        House { platform, model: self.model, echo: self.echo }
    }
}

impl House {
    /// A client of the tenant that most tests are about.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.platform, "acme")
    }

    /// How much is remembered of what a client's tenant said.
    pub(crate) async fn remembered(&self, client: &Client) -> usize {
        let query = RecallQuery {
            tenant: client.principal.tenant.clone(),
            session_id: None,
            text: String::new(),
            limit: 10,
            except: Vec::new(),
        };
        self.platform.truth.memory.recall(&query).await.unwrap().len()
    }
}
