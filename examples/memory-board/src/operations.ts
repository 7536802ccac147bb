import { graphql } from './gql'

export const signIn = graphql(`
  mutation SignIn($login: String!, $password: String!) {
    signIn(input: { login: $login, password: $password }) {
      __typename
      ... on SignInSuccess {
        session {
          accessToken
          refreshToken
        }
      }
      ... on Problem {
        message
      }
    }
  }
`)

export const refreshSession = graphql(`
  mutation RefreshSession($refreshToken: String!) {
    refreshSession(input: { refreshToken: $refreshToken }) {
      __typename
      ... on RefreshSessionSuccess {
        session {
          accessToken
          refreshToken
        }
      }
    }
  }
`)

export const boardMemories = graphql(`
  query BoardMemories {
    memories(first: 50, orderBy: NEWEST_FIRST) {
      nodes {
        id
        content
        version
        createdAt
      }
    }
  }
`)

export const boardChanges = graphql(`
  subscription BoardChanges($after: Cursor) {
    memoryChanges(after: $after) {
      cursor
      kind
      memoryId
      memory {
        id
        content
        version
        createdAt
      }
    }
  }
`)

export const addMemory = graphql(`
  mutation AddMemory($content: String!, $key: String!) {
    remember(input: { content: $content, clientMutationId: $key }) {
      __typename
      ... on RememberSuccess {
        memory {
          id
          content
          version
          createdAt
        }
      }
      ... on Problem {
        message
      }
    }
  }
`)
