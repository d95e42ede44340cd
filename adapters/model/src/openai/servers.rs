//! The servers that profiles name, each made when it is first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use soma_core::conversation::model::ModelFailure;
use soma_core::conversation::profile::ModelProfile;

use super::request::Dialect;
use super::server::{Server, is_same_server};
use super::{BadModelConfig, OpenAiConfig};
use crate::secret::StoredSecret;

/// The configured server, those that profiles name, and what was learned of their models.
pub(super) struct Servers {
    home: Arc<Server>,
    secrets: BTreeMap<String, StoredSecret>,
    others: Mutex<BTreeMap<Place, Arc<Server>>>,
    /// What a model was found to refuse.
    dialects: Mutex<BTreeMap<(Place, String), Dialect>>,
}

/// Where a profile is asked: the address and the name of the secret, as far as it names them.
type Place = (Option<String>, Option<String>);

impl Servers {
    pub(super) fn new(
        home: OpenAiConfig,
        secrets: BTreeMap<String, StoredSecret>,
    ) -> Result<Self, BadModelConfig> {
        let home = Arc::new(Server::new(home)?);
        Ok(Self { home, secrets, others: Mutex::default(), dialects: Mutex::default() })
    }

    /// The server that is configured.
    pub(super) fn home(&self) -> &Server {
        &self.home
    }

    /// The server that a profile is asked at.
    pub(super) fn of(&self, profile: &ModelProfile) -> Result<Arc<Server>, ModelFailure> {
        if profile.base_url.is_none() && profile.secret.is_none() {
            return Ok(Arc::clone(&self.home));
        }
        let mut others = locked(&self.others);
        if let Some(server) = others.get(&place(profile)) {
            return Ok(Arc::clone(server));
        }
        let server = Server::new(self.config(profile)?).map_err(|error| {
            let what = format!("the profile of {} cannot be used: {error}", profile.model);
            ModelFailure::Refused(what)
        })?;
        Ok(Arc::clone(others.entry(place(profile)).or_insert(Arc::new(server))))
    }

    /// A key is never sent to a server that it was not stored for.
    fn config(&self, profile: &ModelProfile) -> Result<OpenAiConfig, ModelFailure> {
        let home = &self.home.config;
        let base_url = profile.base_url.as_ref().unwrap_or(&home.base_url);
        let api_key = match &profile.secret {
            Some(name) => {
                let stored = self.secrets.get(name);
                let ours = stored.filter(|stored| is_same_server(&stored.base_url, base_url));
                let ours = ours.ok_or_else(|| {
                    let what = format!("there is no secret {name:?} for the server of its profile");
                    ModelFailure::Refused(what)
                })?;
                Some(ours.secret.clone())
            }
            None if is_same_server(&home.base_url, base_url) => home.api_key.clone(),
            None => None,
        };
        Ok(OpenAiConfig { base_url: base_url.clone(), api_key, ..home.clone() })
    }

    /// What is known of a model: what its profile declares, and what it was found to refuse.
    pub(super) fn dialect(&self, profile: &ModelProfile) -> Dialect {
        let learned = locked(&self.dialects).get(&model(profile)).copied().unwrap_or_default();
        Dialect::declared(profile.abilities).and(learned)
    }

    /// A model refused something.
    pub(super) fn learn(&self, profile: &ModelProfile, refused: Dialect) {
        let mut dialects = locked(&self.dialects);
        let known = dialects.entry(model(profile)).or_default();
        *known = known.and(refused);
    }
}

fn place(profile: &ModelProfile) -> Place {
    (profile.base_url.clone(), profile.secret.clone())
}

fn model(profile: &ModelProfile) -> (Place, String) {
    (place(profile), profile.model.clone())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
