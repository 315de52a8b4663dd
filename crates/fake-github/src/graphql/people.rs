//! Who may do what in a repository.

use std::cell::Cell;

use super::super::ids;
use super::super::model::Repository;
use super::super::permission::Permission;
use super::Context;
use super::object::{Args, Object, Val, leaf};

/// An account, with its number.
pub(super) fn account<'m>(context: Context<'m>, login: &'m str) -> Object<'m> {
    Object::new("User", move |field, _| match field {
        "login" => leaf(login),
        "databaseId" => leaf(context.model.account_id(login)),
        "id" => leaf(ids::node("U", context.model.account_id(login))),
        other => Val::unknown("User", other),
    })
}

/// Who writes: a person, or an App as a bot.
pub(super) fn actor<'m>(context: Context<'m>, login: &'m str) -> Object<'m> {
    let Some(slug) = login.strip_suffix("[bot]") else {
        return account(context, login);
    };
    Object::new("Bot", move |field, _| match field {
        "login" => leaf(slug),
        "databaseId" => leaf(context.model.account_id(login)),
        other => Val::unknown("Bot", other),
    })
}

/// What an author is to a repository.
/// <https://docs.github.com/en/graphql/reference/enums#commentauthorassociation>
pub(in super::super) fn association(of: &Repository, login: &str) -> &'static str {
    let named = |each: &&String| each.eq_ignore_ascii_case(login);
    if of.owner.eq_ignore_ascii_case(login) {
        "OWNER"
    } else if of.people.keys().any(|each| named(&each)) {
        "COLLABORATOR"
    } else {
        "NONE"
    }
}

/// `Repository.collaborators`: only those who may push are told.
pub(super) fn collaborators<'m>(context: Context<'m>, of: &'m Repository, args: &Args) -> Val<'m> {
    let may = context.access.permission(of) >= Permission::Write && context.access.has("metadata", false);
    if !may {
        return Val::Refused("You do not have permission to view repository collaborators.".to_owned());
    }
    let lists: &Cell<u64> = context.lists;
    lists.set(lists.get() + 1);
    let Some(size) = args.number("first").filter(|size| *size <= 100) else {
        return Val::Refused("You must provide a `first` or `last` value to properly paginate.".to_owned());
    };
    let asked = args.text("login").to_owned();
    let all: Vec<(&'m String, Permission)> = of
        .people
        .iter()
        .filter(|(login, _)| asked.is_empty() || login.eq_ignore_ascii_case(&asked))
        .map(|(login, permission)| (login, *permission))
        .collect();
    let total = all.len();
    let begin: usize = args.text("after").parse().unwrap_or(0);
    let page: Vec<_> = all.into_iter().skip(begin).take(size).collect();
    let end = begin + page.len();
    Val::Object(Object::new(
        "RepositoryCollaboratorConnection",
        move |field, _| match field {
            "totalCount" => leaf(total),
            "nodes" => Val::List(
                page.iter()
                    .map(|(login, _)| Val::Object(account(context, login)))
                    .collect(),
            ),
            "edges" => Val::List(
                page.iter()
                    .map(|(login, permission)| edge(context, login, *permission))
                    .collect(),
            ),
            "pageInfo" => Val::Object(Object::new("PageInfo", move |field, _| match field {
                "hasNextPage" => leaf(end < total),
                "endCursor" => leaf(end.to_string()),
                other => Val::unknown("PageInfo", other),
            })),
            other => Val::unknown("RepositoryCollaboratorConnection", other),
        },
    ))
}

fn edge<'m>(context: Context<'m>, login: &'m str, permission: Permission) -> Val<'m> {
    Val::Object(Object::new("RepositoryCollaboratorEdge", move |field, _| match field {
        "permission" => permission.name().map_or(Val::Null, leaf),
        "node" => Val::Object(account(context, login)),
        other => Val::unknown("RepositoryCollaboratorEdge", other),
    }))
}
