//! No two tenants share a memory, whatever the server does with its pools.

use soma_core::ids::SessionId;
use soma_core::memory::RecallQuery;
use soma_core::ports::Memory;
use soma_somabrain::SomaBrainConfig;
use soma_tests::somabrain::{Fault, Generation, Rule};
use uuid::Uuid;

use crate::world::{End, World, asks, said, tenant};

/// The same key of two tenants is two memories, also where all tenants are one to the server.
#[tokio::test]
async fn tenants_neither_find_nor_overwrite_each_other() {
    for generation in Generation::ALL {
        for one in [None, Some("standalone")] {
            let world = World::with(generation, |config| SomaBrainConfig {
                tenant: one.map(str::to_owned),
                ..config
            });
            world.brain.share_pools();
            let writes = [said("acme", 1, "the heron stands"), said("bolt", 1, "the heron flies")];
            assert_eq!(world.remember(&writes).await, [End::Done; 2]);

            for text in ["heron", "", "the heron flies"] {
                let label = format!("{generation:?} {one:?} {text:?}");
                assert_eq!(world.found(&asks("acme", text)).await, ["the heron stands"], "{label}");
                assert_eq!(world.found(&asks("bolt", text)).await, ["the heron flies"], "{label}");
                assert_eq!(world.found(&asks("nut", text)).await, [""; 0], "{label}");
            }
        }
    }
}

/// Two deployments that share a server by names of their own share nothing else.
#[tokio::test]
async fn namespaces_and_universes_do_not_meet() {
    for generation in Generation::ALL {
        let world = World::new(generation);
        world.brain.share_pools();
        world.remember(&[said("acme", 1, "the heron stands")]).await;
        for change in [
            |config| SomaBrainConfig { namespace: "other".into(), ..config },
            |config| SomaBrainConfig { universe: "other".into(), ..config },
        ] {
            let config = change(crate::world::patient(&world.brain.base_url()));
            let other = soma_somabrain::SomaBrainMemory::new(&config, world.clock.clone()).unwrap();

            assert_eq!(other.recall(&asks("acme", "heron")).await.unwrap(), [], "{generation:?}");
        }
    }
}

/// What was forgotten is gone from the server too, and takes the place of nothing.
#[tokio::test]
async fn forgotten_session_leaves_no_text_on_the_server() {
    for generation in Generation::ALL {
        let world = World::new(generation);
        let writes: Vec<_> =
            (1..=250).map(|number| said("acme", number, "the secret heron")).collect();
        world.remember(&writes).await;
        let session = SessionId::from_uuid(Uuid::from_u128(1));

        world.memory.forget_session(&tenant("acme"), session).await.unwrap();

        let stored = world.brain.stored();
        assert_eq!(stored.len(), 250, "{generation:?}");
        assert!(stored.iter().all(|one| !one.to_string().contains("secret")), "{generation:?}");
        let everything = RecallQuery { limit: 1_000, ..asks("acme", "heron") };
        assert_eq!(world.found(&everything).await, [""; 0], "{generation:?}");
    }
}

/// A server that says it overwrote, and did not, is not believed.
#[tokio::test]
async fn session_that_is_not_forgotten_is_not_said_to_be() {
    for generation in [Generation::G1, Generation::G2, Generation::G4] {
        let world = World::new(generation);
        world.remember(&[said("acme", 1, "the heron")]).await;
        world.brain.rule(Rule::new("", Fault::NotStored));
        let session = SessionId::from_uuid(Uuid::from_u128(1));

        let forgot = world.memory.forget_session(&tenant("acme"), session).await;

        assert_eq!(End::of(&forgot), End::Ambiguous, "{generation:?}");
    }
}
