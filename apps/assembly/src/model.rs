//! The language model.

use std::sync::Arc;

use soma_core::flows::world::World;
use soma_core::ports::Model;
use soma_model::{OfflineModel, OpenAiConfig, OpenAiModel};
use soma_runtime::config::Config;
use soma_runtime::report::{Fatal, chain};

use crate::provider::{Provider, Watched};

/// The configured model, watched; the offline one only if none is configured.
///
/// # Errors
///
/// [`Fatal`] if the server's address or key cannot be used.
pub fn model(config: &Config, world: &World) -> Result<(Arc<dyn Model>, Arc<Provider>), Fatal> {
    let provider = Arc::new(Provider::default());
    let model = Watched { model: of_server(config, world)?, provider: Arc::clone(&provider) };
    Ok((Arc::new(model), provider))
}

fn of_server(config: &Config, world: &World) -> Result<Arc<dyn Model>, Fatal> {
    let Some(server) = &config.model else {
        return Ok(Arc::new(OfflineModel::new(Arc::clone(&world.timer))));
    };
    let secret = server.api_key.as_ref().map(|key| soma_model::Secret::new(key.expose()));
    let settings = OpenAiConfig::new(&server.base_url, secret);
    let model = OpenAiModel::new(settings)
        .map_err(|error| Fatal::new(chain(&error), "mend SLM_BASE_URL"))?;
    Ok(Arc::new(model))
}
