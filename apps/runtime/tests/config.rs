//! Settings from the environment and the file, and everything that can be wrong with them.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::PathBuf;
use std::time::Duration;

use soma_runtime::config::{Config, ConfigError, Engines, Mode, NotEmbeddable, setting, unknown};

const SAMPLE: &str = include_str!("../../../docs/config/soma.toml");

/// Reads `variables` over `toml`, in the home of somebody.
fn read(variables: &[(&str, &str)], toml: &str) -> Result<Config, ConfigError> {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        let home = (name == "HOME").then_some("/home/somebody");
        found.map(|(_, value)| *value).or(home).map(str::to_owned)
    };
    Config::of(&env, toml)
}

fn problems(variables: &[(&str, &str)], toml: &str) -> Vec<String> {
    let error = read(variables, toml).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn without_settings_everything_has_its_default() {
    let config = read(&[], "").unwrap();

    assert_eq!(config.mode, Mode::Dev);
    assert_eq!(config.tenant.as_str(), "public");
    assert_eq!((config.bind.to_string().as_str(), config.port), ("127.0.0.1", 20016));
    assert_eq!(config.data, PathBuf::from("/home/somebody/.local/share/soma"));
    assert_eq!(config.model, None);
    assert_eq!((config.answers.max_tokens, config.answers.context_tokens), (1024, 8192));
    assert_eq!((config.budget_limit, config.rate_per_minute), (None, None));
    assert_eq!((config.worker_concurrency.get(), config.tenant_concurrency.get()), (64, 64));
    assert_eq!(config.drain, Duration::from_secs(10));
    assert_eq!(config.log_retention, Duration::from_hours(168));
    assert_eq!(config.policy_bundle, None);
    assert_eq!(config.log.to_string(), "info");
}

#[test]
fn sample_file_says_the_defaults() {
    assert_eq!(read(&[], SAMPLE).unwrap(), read(&[], "").unwrap());
}

#[test]
fn sample_file_has_every_setting_with_both_of_its_names() {
    let table: toml::Table = SAMPLE.parse().unwrap();

    for setting in setting::ALL {
        let (section, key) = setting.key.split_once('.').unwrap();

        assert!(table[section].get(key).is_some(), "{} is not in the file", setting.key);
        let named = format!("# {}: ", setting.variable);
        assert!(SAMPLE.contains(&named), "{} is not in the file", setting.variable);
    }
}

/// What is wrong for a service on engines, which has no folder: `variables` come before what it needs.
fn service_problems(but: setting::Setting, variables: &[(&str, &str)], toml: &str) -> Vec<String> {
    let needed = [
        ("POSTGRES_DSN", "postgres://soma@db/soma"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"),
        ("REDIS_URL", "redis://redis"),
        ("SOMA_BASE_URL", "http://brain:9696"),
    ];
    let needed = needed.iter().filter(|(variable, _)| *variable != but.variable);
    let all: Vec<_> = variables.iter().chain(needed).collect();
    let env = |name: &str| {
        let found = all.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let error = Engines::of(&env, toml).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_setting_is_read_from_either_place() {
    for setting in setting::ALL {
        let (section, key) = setting.key.split_once('.').unwrap();
        let problems = |variables: &[(&str, &str)], toml: &str| {
            if *setting == setting::DATA {
                problems(variables, toml)
            } else {
                service_problems(*setting, variables, toml)
            }
        };

        let in_env = problems(&[(setting.variable, "\u{7}")], "");
        let in_file = problems(&[], &format!("[{section}]\n{key} = \"\\u0007\""));

        let start = format!("{} (in the file: {}): expected ", setting.variable, setting.key);
        assert!(in_env.len() == 1 && in_env[0].starts_with(&start), "{in_env:?}");
        assert_eq!(in_env, in_file);
    }
}

#[test]
fn hosts_are_names_and_addresses_with_commas_between() {
    let hosts = |text| read(&[("SOMA_HOSTS", text)], "").map(|config| config.hosts);

    assert_eq!(hosts("").unwrap(), Vec::<String>::new());
    assert_eq!(
        hosts("Soma.example, 10.1.2.3,::1 , [fe80::1],my_host").unwrap(),
        ["soma.example", "10.1.2.3", "[::1]", "[fe80::1]", "my_host"]
    );
    for bad in ["https://a", "a:80", "a/b", "a b", "a,,b", "*", "user@a"] {
        assert!(hosts(bad).is_err(), "{bad}");
    }
}

#[test]
fn misspelt_variable_is_named_with_what_is_meant() {
    let told = |name: &str, value: &str| {
        let told = unknown([(name.to_owned(), value.to_owned())]);
        told.first().map(|it| (it.variable.clone(), it.meant))
    };

    for (wrong, meant) in [
        ("SOMA_BNID", Some("SOMA_BIND")),
        ("SOMA_HOST", Some("SOMA_HOSTS")),
        ("SOMA_DRAIN_SECOND", Some("SOMA_DRAIN_SECONDS")),
        ("SLM_BASEURL", Some("SLM_BASE_URL")),
        ("GATEWAY_PROT", Some("GATEWAY_PORT")),
        ("LOGLEVEL", Some("LOG_LEVEL")),
        ("SOMA_SOMETHING_ELSE_ALTOGETHER", None),
    ] {
        assert_eq!(told(wrong, "1"), Some((wrong.into(), meant)));
    }
    for setting in setting::ALL {
        assert_eq!(told(setting.variable, "1"), None);
    }
    for (name, value) in [
        ("SOMA_CONFIG", "x"),
        ("PATH", "/bin"),
        ("PORT", "80"),
        ("OPENAI_API_KEY", "x"),
        ("SOMA_SERVICE_HOST", "10.0.0.1"),
        ("SOMA_PORT", "tcp://10.0.0.1:20016"),
        ("SOMA_PORT_20016_TCP_PROTO", "tcp"),
    ] {
        assert_eq!(told(name, value), None, "{name}");
    }
}

#[test]
fn environment_wins_over_the_file() {
    let toml = "[gateway]\nport = 1\nbind = \"::1\"";

    let config = read(&[("GATEWAY_PORT", "2")], toml).unwrap();

    assert_eq!((config.port, config.bind.to_string().as_str()), (2, "::1"));
}

#[test]
fn empty_value_is_no_value() {
    let config = read(&[("GATEWAY_PORT", ""), ("SLM_BASE_URL", "  ")], "").unwrap();

    assert_eq!((config.port, config.model), (20016, None));
}

#[test]
fn all_problems_are_reported_at_once_each_on_its_line() {
    let variables = [("GATEWAY_PORT", "65536"), ("SOMA_AGENT_ENV", "LIVE"), ("SOMA_BIND", "here")];
    let toml = "[worker]\nconcurrency = 0\n[modle]\nbase_url = \"x\"\n[log]\nlevel = true";

    let text = read(&variables, toml).unwrap_err().to_string();

    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "invalid configuration:");
    assert_eq!(lines.len(), 7, "{text}");
    for line in [
        "  soma.toml: log.level must be a text or a number",
        "  soma.toml: there is no setting modle.base_url",
        "  SOMA_AGENT_ENV (in the file: service.mode): expected DEV, STAGING or PROD, got \"LIVE\"",
        "  SOMA_BIND (in the file: gateway.bind): expected an IP address, got \"here\"",
        "  GATEWAY_PORT (in the file: gateway.port): expected a port number from 0 to 65535, got \
         \"65536\"",
        "  SOMA_WORKER_CONCURRENCY (in the file: worker.concurrency): expected a number from 1 to \
         10000, got \"0\"",
    ] {
        assert!(lines.contains(&line), "no {line:?} in {text}");
    }
}

#[test]
fn file_that_is_not_toml_is_reported_by_line_without_its_text() {
    let problems = problems(&[], "[model]\napi_key = \"sk-secret\" oops\n");

    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("soma.toml:2: not TOML"), "{problems:?}");
    assert!(!problems[0].contains("sk-secret"), "{problems:?}");
}

#[test]
fn secrets_are_in_no_message_and_no_debug_text() {
    let key = "sk-secret ä";
    let url = "http://me:sk-secret@host/v1";

    let problems = problems(&[("SLM_API_KEY", key), ("SLM_BASE_URL", url)], "").join("\n");
    let variables =
        [("SLM_API_KEY", "sk-secret"), ("SLM_BASE_URL", "http://h"), ("SLM_MODEL", "m")];
    let config = read(&variables, "").unwrap();

    assert!(problems.contains("SLM_API_KEY") && problems.contains("SLM_BASE_URL"), "{problems}");
    assert!(!problems.contains("secret"), "{problems}");
    assert!(!format!("{config:?}").contains("sk-secret"));
    assert_eq!(config.model.unwrap().api_key.unwrap().expose(), "sk-secret");
}

#[test]
fn address_and_model_need_each_other() {
    let address_only = problems(&[("SLM_BASE_URL", "http://localhost:1/v1")], "");
    let model_only = problems(&[("SLM_MODEL", "m")], "");

    assert!(address_only[0].starts_with("SLM_MODEL "), "{address_only:?}");
    assert!(model_only[0].starts_with("SLM_BASE_URL "), "{model_only:?}");
}

#[test]
fn address_must_be_a_plain_http_address() {
    for url in ["localhost:1", "ftp://h", "http://", "http:///v1", "http://h/v1?x=1", "http://a b"]
    {
        let problems = problems(&[("SLM_BASE_URL", url), ("SLM_MODEL", "m")], "");

        assert!(problems[0].starts_with("SLM_BASE_URL "), "{url}: {problems:?}");
        assert_eq!(problems.len(), 1, "{url}");
    }
}

#[test]
fn slash_at_the_end_of_an_address_is_dropped() {
    let variables = [("SLM_BASE_URL", "https://h:8443/v1/"), ("SLM_MODEL", "m")];

    assert_eq!(read(&variables, "").unwrap().model.unwrap().base_url, "https://h:8443/v1");
}

#[test]
fn openai_variables_are_understood_in_dev() {
    let own = [("OPENAI_BASE_URL", "http://h/v1"), ("OPENAI_MODEL", "m"), ("OPENAI_API_KEY", "k")];

    let server = read(&own, "").unwrap().model.unwrap();
    let theirs = read(&own[1..], "").unwrap().model.unwrap();
    let outside = read(&[own[1], own[2], ("SOMA_AGENT_ENV", "PROD")], "").unwrap();

    assert_eq!((server.base_url.as_str(), server.model.as_str()), ("http://h/v1", "m"));
    assert_eq!(server.api_key.unwrap().expose(), "k");
    assert_eq!(theirs.base_url, "https://api.openai.com/v1");
    assert_eq!(outside.model, None);
}

#[test]
fn key_of_openai_does_not_go_to_another_server() {
    let variables =
        [("OPENAI_API_KEY", "k"), ("SLM_BASE_URL", "http://localhost:1/v1"), ("SLM_MODEL", "m")];

    assert_eq!(read(&variables, "").unwrap().model.unwrap().api_key, None);
}

#[test]
fn key_of_openai_alone_connects_nothing() {
    assert_eq!(read(&[("OPENAI_API_KEY", "k")], "").unwrap().model, None);
}

#[test]
fn outside_dev_an_address_is_https() {
    let variables =
        [("SOMA_AGENT_ENV", "PROD"), ("SLM_BASE_URL", "http://h/v1"), ("SLM_MODEL", "m")];

    let problems = problems(&variables, "");

    assert_eq!(problems, ["SLM_BASE_URL (in the file: model.base_url): must be https in PROD"]);
}

#[test]
fn answer_must_leave_room_for_a_prompt() {
    let problems = problems(&[("SLM_MAX_TOKENS", "8192")], "");

    assert!(problems[0].contains("must be less than SLM_CONTEXT_TOKENS"), "{problems:?}");
}

#[test]
fn temperature_is_kept_in_thousandths() {
    let temperature =
        |text| read(&[("SLM_TEMPERATURE", text)], "").map(|c| c.answers.temperature_milli);

    assert_eq!(temperature("0.7").unwrap(), Some(700));
    assert_eq!(
        read(&[], "[model]\ntemperature = 2").unwrap().answers.temperature_milli,
        Some(2000)
    );
    for wrong in ["-1", "2.1", "NaN", "warm"] {
        assert!(temperature(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn tools_are_turned_off_for_the_models_that_are_named() {
    let tools = |names, model| {
        let config = read(&[("SLM_WITHOUT_TOOLS", names)], "").unwrap();
        config.answers.profile(model).abilities.tools
    };

    assert_eq!(tools("small, tiny", "tiny"), Some(false));
    assert_eq!(tools("small, tiny", "large"), None);
    assert_eq!(tools("*", "large"), Some(false));
    assert_eq!(tools("", "large"), None);
}

#[test]
fn log_level_with_a_typing_error_is_a_problem() {
    for level in ["info", "warn,soma_sqlite=debug", "OFF"] {
        assert!(read(&[("LOG_LEVEL", level)], "").is_ok(), "{level}");
    }
    for level in ["inof", "info,soma", "info,", "3", "soma=loud"] {
        assert!(read(&[("LOG_LEVEL", level)], "").is_err(), "{level}");
    }
}

#[test]
fn data_folder_follows_xdg_and_says_when_there_is_no_home() {
    let xdg = read(&[("XDG_DATA_HOME", "/xdg")], "").unwrap();
    let relative = read(&[("XDG_DATA_HOME", "xdg")], "").unwrap();
    let set = read(&[("SOMA_DATA", "/set"), ("HOME", "")], "").unwrap();
    let homeless = problems(&[("HOME", "")], "");

    assert_eq!(xdg.data, PathBuf::from("/xdg/soma"));
    assert_eq!(relative.data, PathBuf::from("/home/somebody/.local/share/soma"));
    assert_eq!(set.data, PathBuf::from("/set"));
    assert!(homeless[0].starts_with("SOMA_DATA "), "{homeless:?}");
}

#[test]
fn path_that_is_not_utf_8_is_a_problem_and_not_another_path() {
    for variable in ["SOMA_DATA", "POLICY_BUNDLE"] {
        let problems = problems(&[(variable, "/data/\u{fffd}")], "");

        assert!(problems[0].starts_with(variable), "{problems:?}");
    }
}

#[test]
fn named_file_is_read_and_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "[gateway]\nport = 7").unwrap();
    let load = |name: &str| {
        let name = name.to_owned();
        let env = move |variable: &str| match variable {
            "SOMA_CONFIG" => Some(name.clone()),
            "HOME" => Some("/home/somebody".into()),
            _ => None,
        };
        Config::load(&env)
    };

    let found = load(path.to_str().unwrap()).unwrap();
    let missing = load("/nowhere/soma.toml").unwrap_err().to_string();

    assert_eq!(found.port, 7);
    assert!(missing.contains("SOMA_CONFIG names /nowhere/soma.toml"), "{missing}");
}

#[test]
fn own_file_is_read_if_it_is_there() {
    let home = tempfile::tempdir().unwrap();
    let load = || {
        let home = home.path().to_str().unwrap().to_owned();
        let env = move |variable: &str| (variable == "HOME").then(|| home.clone());
        Config::load(&env).unwrap().port
    };

    let without = load();
    std::fs::create_dir_all(home.path().join(".config/soma")).unwrap();
    std::fs::write(home.path().join(".config/soma/soma.toml"), "[gateway]\nport = 7").unwrap();

    assert_eq!((without, load()), (20016, 7));
}

#[test]
fn embedded_product_runs_in_dev_only() {
    assert_eq!(read(&[], "").unwrap().embeddable(), Ok(()));
    for (name, mode) in [("STAGING", Mode::Staging), ("prod", Mode::Prod)] {
        let refused = read(&[("SOMA_AGENT_ENV", name)], "").unwrap().embeddable().unwrap_err();

        assert_eq!(refused, NotEmbeddable { mode });
        let text = refused.to_string();
        for lacking in ["authentication", "policy engine", "encryption key"] {
            assert!(text.contains(lacking), "{text}");
        }
    }
}
