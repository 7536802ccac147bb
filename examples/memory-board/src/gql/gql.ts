/* eslint-disable */
import * as types from './graphql';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  mutation SignIn($login: String!, $password: String!) {\n    signIn(input: { login: $login, password: $password }) {\n      __typename\n      ... on SignInSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n": typeof types.SignInDocument,
    "\n  mutation RefreshSession($refreshToken: String!) {\n    refreshSession(input: { refreshToken: $refreshToken }) {\n      __typename\n      ... on RefreshSessionSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n    }\n  }\n": typeof types.RefreshSessionDocument,
    "\n  query BoardMemories {\n    memories(first: 50, orderBy: NEWEST_FIRST) {\n      nodes {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n": typeof types.BoardMemoriesDocument,
    "\n  subscription BoardChanges($after: Cursor) {\n    memoryChanges(after: $after) {\n      cursor\n      kind\n      memoryId\n      memory {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n": typeof types.BoardChangesDocument,
    "\n  mutation AddMemory($content: String!, $key: String!) {\n    remember(input: { content: $content, clientMutationId: $key }) {\n      __typename\n      ... on RememberSuccess {\n        memory {\n          id\n          content\n          version\n          createdAt\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n": typeof types.AddMemoryDocument,
};
const documents: Documents = {
    "\n  mutation SignIn($login: String!, $password: String!) {\n    signIn(input: { login: $login, password: $password }) {\n      __typename\n      ... on SignInSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n": types.SignInDocument,
    "\n  mutation RefreshSession($refreshToken: String!) {\n    refreshSession(input: { refreshToken: $refreshToken }) {\n      __typename\n      ... on RefreshSessionSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n    }\n  }\n": types.RefreshSessionDocument,
    "\n  query BoardMemories {\n    memories(first: 50, orderBy: NEWEST_FIRST) {\n      nodes {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n": types.BoardMemoriesDocument,
    "\n  subscription BoardChanges($after: Cursor) {\n    memoryChanges(after: $after) {\n      cursor\n      kind\n      memoryId\n      memory {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n": types.BoardChangesDocument,
    "\n  mutation AddMemory($content: String!, $key: String!) {\n    remember(input: { content: $content, clientMutationId: $key }) {\n      __typename\n      ... on RememberSuccess {\n        memory {\n          id\n          content\n          version\n          createdAt\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n": types.AddMemoryDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation SignIn($login: String!, $password: String!) {\n    signIn(input: { login: $login, password: $password }) {\n      __typename\n      ... on SignInSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation SignIn($login: String!, $password: String!) {\n    signIn(input: { login: $login, password: $password }) {\n      __typename\n      ... on SignInSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation RefreshSession($refreshToken: String!) {\n    refreshSession(input: { refreshToken: $refreshToken }) {\n      __typename\n      ... on RefreshSessionSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation RefreshSession($refreshToken: String!) {\n    refreshSession(input: { refreshToken: $refreshToken }) {\n      __typename\n      ... on RefreshSessionSuccess {\n        session {\n          accessToken\n          refreshToken\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query BoardMemories {\n    memories(first: 50, orderBy: NEWEST_FIRST) {\n      nodes {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n"): (typeof documents)["\n  query BoardMemories {\n    memories(first: 50, orderBy: NEWEST_FIRST) {\n      nodes {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription BoardChanges($after: Cursor) {\n    memoryChanges(after: $after) {\n      cursor\n      kind\n      memoryId\n      memory {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n"): (typeof documents)["\n  subscription BoardChanges($after: Cursor) {\n    memoryChanges(after: $after) {\n      cursor\n      kind\n      memoryId\n      memory {\n        id\n        content\n        version\n        createdAt\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation AddMemory($content: String!, $key: String!) {\n    remember(input: { content: $content, clientMutationId: $key }) {\n      __typename\n      ... on RememberSuccess {\n        memory {\n          id\n          content\n          version\n          createdAt\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n"): (typeof documents)["\n  mutation AddMemory($content: String!, $key: String!) {\n    remember(input: { content: $content, clientMutationId: $key }) {\n      __typename\n      ... on RememberSuccess {\n        memory {\n          id\n          content\n          version\n          createdAt\n        }\n      }\n      ... on Problem {\n        message\n      }\n    }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;