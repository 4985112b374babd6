//! The description of the API, made from the table of routes.

use http::Method;
use serde_json::{Map, Value, json};

use super::ROUTES;
use super::role::{Needs, Route};

/// An OpenAPI 3.1 document of every route that programs may ask for.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let Needs::Token(role) = route.needs else { continue };
        let of_path = paths.entry(route.path).or_insert_with(|| json!({}));
        of_path[route.method.as_str().to_ascii_lowercase()] = operation(route, role.name());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mailward", "version": "1",
            "description": "What the administrator's desk does, for programs. A token is made on one's own page of the desk; it may do what its role may. Times are RFC 3339, UTC.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Error": { "type": "object", "properties": { "error": { "type": "string" } } } },
        },
        "security": [{ "token": [] }],
    })
}

fn operation(route: &Route, role: &str) -> Value {
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let is_get = route.method == Method::GET;
    if is_get {
        parameters.extend(route.fields.iter().map(
            |(name, text)| json!({ "name": name, "in": "query", "description": text, "schema": { "type": "string" } }),
        ));
    }
    let error = |text: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        json!({ "description": text, "content": { "application/json": { "schema": schema } } })
    };
    let mut operation = json!({
        "summary": route.what,
        "description": format!("Needs the role {role}."),
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done.", "content": { "application/json": {} } },
            "400": error("It was not understood."),
            "401": error("A good token is missing."),
            "403": error("The token's role does not allow it."),
            "409": error("It was not done, and why."),
            "503": error("The store does not answer."),
        },
    });
    if !is_get && !route.fields.is_empty() {
        let property =
            |(name, text): &(&str, &str)| ((*name).to_owned(), json!({ "type": "string", "description": text }));
        let properties: Map<String, Value> = route.fields.iter().map(property).collect();
        let schema = json!({ "type": "object", "properties": properties });
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}
