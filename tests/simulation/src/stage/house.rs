//! The instances of the services: born, stopped, killed, and born again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use soma_core::flows::hub::Hub;
use soma_core::flows::liveness::Liveness;
use soma_core::flows::service::Service;
use soma_core::flows::stop::Stop;
use soma_core::flows::world::World;
use soma_core::ports::{Model, Toolbox};
use soma_simulated::{Chance, Nature, Process};

use super::plan::Plan;
use crate::cast::Gateways;
use crate::platform::{Composition, Gateway, Instance, Ports, Settings};

/// Makes what an instance has of its own: the model and the tools die with it.
pub trait Furnish: Send + Sync {
    /// The model, as this process asks it.
    fn model(&self, process: &Process) -> Arc<dyn Model>;

    /// The tools, as this process runs them.
    fn tools(&self, process: &Process) -> Arc<dyn Toolbox>;

    /// The ports, as a process has them, where somebody else hears what they answer.
    fn overheard(&self, ports: Ports) -> Ports;
}

/// Every instance that lives.
pub struct House {
    nature: Nature,
    /// The ports before anything goes wrong between them and a process.
    base: Ports,
    furnish: Arc<dyn Furnish>,
    settings: Settings,
    liveness: Liveness,
    living: Mutex<BTreeMap<Instance, Living>>,
}

/// One life of an instance.
#[derive(Clone, Debug)]
pub struct Living {
    /// Its process.
    pub process: Process,
    /// Asks it to stop.
    pub stop: Stop,
    gateway: Option<Gateway>,
}

impl House {
    /// A house in which nobody lives.
    pub fn new(nature: Nature, base: Ports, furnish: Arc<dyn Furnish>, plan: &Plan) -> Self {
        let (settings, liveness) = (plan.setup.settings(plan.budget), plan.setup.liveness);
        Self { nature, base, furnish, settings, liveness, living: Mutex::default() }
    }

    /// Gives an instance a new life.
    pub fn start(&self, instance: Instance) -> Living {
        let Instance { unit, number } = instance;
        let process = self.nature.process(unit.name(), number);
        let stop = Stop::new();
        let composition = Composition {
            ports: self.ports(&process),
            settings: self.settings.clone(),
            world: World { liveness: self.liveness, ..process.world() },
        };
        let (service, gateway): (Arc<dyn Service>, _) = if let Some(make) = unit.background() {
            (make(&composition), None)
        } else {
            let gateway = composition.gateway(&Hub::new(), &stop);
            let called = Gateway::new(gateway.clone(), process.gone(), stop.clone());
            (Arc::new(gateway), Some(called))
        };
        let (until, life) = (stop.clone(), process.clone());
        process.spawn(async move {
            service.run(&until).await;
            life.crash();
        });
        let living = Living { process, stop, gateway };
        self.living().insert(instance, living.clone());
        living
    }

    /// The gateways that live and answer, by their numbers.
    pub fn gateways(&self) -> Vec<(u32, Gateway)> {
        let living = self.living();
        let gateways = living.iter().filter_map(|(instance, living)| {
            let open = !living.stop.is_set() && living.process.is_alive();
            living.gateway.clone().filter(|_| open).map(|gateway| (instance.number, gateway))
        });
        gateways.collect()
    }

    /// The ports, as a process has them.
    fn ports(&self, process: &Process) -> Ports {
        let model = self.furnish.model(process);
        let tools = self.furnish.tools(process);
        let ports = Ports { model, tools, ..self.base.clone() };
        self.furnish.overheard(ports.decorated(|| process.clone()))
    }

    fn living(&self) -> MutexGuard<'_, BTreeMap<Instance, Living>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateways for House {
    fn pick(&self, chance: &mut Chance, not: Option<u32>) -> Option<(u32, Gateway)> {
        let mut open = self.gateways();
        if open.len() > 1 {
            open.retain(|(number, _)| Some(*number) != not);
        }
        if open.is_empty() { None } else { Some(open.swap_remove(chance.index(open.len()))) }
    }
}

soma_core::opaque_debug!(House);
