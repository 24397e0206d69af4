//! The wire as an AsyncAPI 3.0 document: `docs/asyncapi.json`, which the server has in it.
//!
//! It is written by hand, for people. What keeps it true are the tests here, which hold its words and bounds against the code, and
//! those of `tests/it/scenarios.rs`, which hold it against what is really sent.

/// The document.
pub const DOCUMENT: &str = include_str!("../../../../docs/asyncapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use control::person::{self, Role};
    use control::room::message::{CID_MAX, MENTIONS_MAX, NAME_MAX, TEXT_MAX, URL_MAX};
    use control::room::reject::Code;
    use control::room::settings::SLOW_MAX;
    use control::room::show::State;
    use serde_json::{Value, json};

    use super::super::asked::{self, DEPTH_MAX, GOODS_ID_MAX, LIKES_MAX, VERSION};
    use super::super::order::REASON_MAX;
    use super::super::{FRAME_MAX, FRAMES_PER_SECOND, HELLO_MS, PING_MS, SILENT_MS, STALL_MS};
    use super::*;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    fn words<'a>(values: &'a Value, field: &str) -> BTreeSet<&'a str> {
        values.as_array().unwrap().iter().filter_map(|one| one[field].as_str().or(one.as_str())).collect()
    }

    #[test]
    fn every_code_role_and_state_is_documented_and_no_other() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        let codes = Code::ALL.map(Code::word);
        assert_eq!(words(&schemas["Code"]["oneOf"], "const"), codes.into());
        let roles = [Role::Viewer, Role::Assistant, Role::CoHost, Role::Host, Role::Operator];
        assert_eq!(words(&schemas["Role"]["enum"], ""), roles.map(Role::word).into());
        let states = [State::Scheduled, State::Live, State::Interrupted, State::Ended, State::Banned];
        assert_eq!(words(&schemas["ShowState"]["enum"], ""), states.map(State::word).into());
    }

    #[test]
    fn bounds_are_those_of_the_code() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        let bound = |schema: &str, at: &str| &schemas[schema]["properties"][at];
        for (seen, wanted) in [
            (&schemas["Cid"]["maxLength"], json!(CID_MAX)),
            (&schemas["UserId"]["maxLength"], json!(person::ID_MAX)),
            (&bound("Author", "name")["maxLength"], json!(person::NAME_MAX)),
            (&bound("Author", "avatar")["maxLength"], json!(person::AVATAR_MAX)),
            (&bound("Hello", "inviter")["maxLength"], json!(person::ID_MAX)),
            (&bound("Hello", "v")["const"], json!(VERSION)),
            (&bound("Welcome", "v")["const"], json!(VERSION)),
            (&bound("SendText", "text")["maxLength"], json!(TEXT_MAX)),
            (&bound("SendText", "mentions")["maxItems"], json!(MENTIONS_MAX)),
            (&bound("SendImage", "url")["maxLength"], json!(URL_MAX)),
            (&bound("SendCustom", "name")["maxLength"], json!(NAME_MAX)),
            (&bound("CountGoods", "id")["maxLength"], json!(GOODS_ID_MAX)),
            (&bound("Like", "n")["maximum"], json!(LIKES_MAX)),
            (&bound("DoSlow", "seconds")["maximum"], json!(SLOW_MAX)),
            (
                &document["components"]["messages"]["welcome"]["examples"][0]["payload"]["heartbeat_s"],
                json!(PING_MS / 1_000),
            ),
        ] {
            assert_eq!(*seen, wanted);
        }
        assert_eq!(
            document["info"]["version"].as_str().unwrap().split('.').next(),
            Some(&*VERSION.to_string())
        );
        let all = DOCUMENT;
        for said in [
            format!("within {} s", HELLO_MS / 1_000),
            format!("at most {} KiB", FRAME_MAX / 1_024),
            format!("or {FRAMES_PER_SECOND} frames in a second"),
            format!("After {} s of silence", PING_MS / 1_000),
            format!("after {} s it gives", SILENT_MS / 1_000),
            format!("takes nothing for {} s", STALL_MS / 1_000),
            format!("nested at most {DEPTH_MAX} deep"),
            format!("more than {REASON_MAX} characters are cut"),
        ] {
            assert!(all.contains(&said), "{said}");
        }
    }

    /// What is sent to clients is held against it where frames are really sent; what clients send is also as they are told.
    #[test]
    fn the_server_understands_every_example_of_what_clients_send() {
        let document = document();
        let mut types = BTreeSet::new();
        for operation in document["operations"].as_object().unwrap().values() {
            if operation["action"] == "receive" {
                let name = operation["messages"][0]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
                for example in document["components"]["messages"][name]["examples"].as_array().unwrap() {
                    let told = asked::parse(&example["payload"].to_string(), "u").map(drop);
                    assert_eq!(told, Ok(()), "{example}");
                }
                types.insert(name.to_owned());
            }
        }
        // The arms of the code and the messages of the document: neither has what the other lacks.
        let known = |name: &str| {
            let why = asked::parse(&json!({"t": name}).to_string(), "u").err().map(|told| told.why);
            !why.is_some_and(|why| why.starts_with("there is no frame"))
        };
        assert!(types.iter().all(|name| known(name)) && !known("welcome"), "{types:?}");
        let source = include_str!("asked.rs");
        let arms: BTreeSet<String> = source
            .lines()
            .skip_while(|line| !line.contains("match &*frame.t"))
            .filter_map(|line| line.strip_prefix("        \"")?.split_once("\" =>"))
            .map(|(name, _)| name.to_owned())
            .collect();
        assert_eq!(types, arms);
    }

    #[test]
    fn every_frame_that_the_server_makes_is_documented() {
        let document = document();
        let documented: BTreeSet<&str> =
            document["components"]["messages"].as_object().unwrap().keys().map(String::as_str).collect();
        let source = include_str!("wire.rs").split("#[cfg(test)]").next().unwrap().replace('\\', "");
        let made: BTreeSet<&str> =
            source.match_indices("\"t\":").filter_map(|(at, _)| source[at + 4..].split('"').nth(1)).collect();
        let heard =
            document["operations"].as_object().unwrap().values().filter(|one| one["action"] == "receive");
        let heard: BTreeSet<&str> = heard
            .map(|one| one["messages"][0]["$ref"].as_str().unwrap().rsplit('/').next().unwrap())
            .collect();
        assert_eq!(documented.difference(&heard).copied().collect::<BTreeSet<_>>(), made);
    }

    #[test]
    fn every_order_of_the_host_s_side_is_documented() {
        let document = document();
        let mut documented = BTreeSet::new();
        for form in document["components"]["messages"]["do"]["payload"]["oneOf"].as_array().unwrap() {
            let schema = document.pointer(form["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
            let what = &schema["properties"]["what"];
            documented.extend(what["const"].as_str());
            documented.extend(what["enum"].as_array().into_iter().flatten().filter_map(Value::as_str));
        }
        let source = include_str!("order.rs");
        let arms = source.lines().skip_while(|line| !line.contains("match what.as_str()"));
        let arms: BTreeSet<&str> =
            arms.filter_map(|line| line.strip_prefix("        \"")?.split('"').next()).collect();
        assert_eq!(documented, arms);
    }
}
