import { invalidInput, type Problem } from '../../lib/problems.ts'

const usernamePattern = /^[A-Za-z0-9_.-]{3,32}$/
const emailPattern = /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u
/** RFC 5321, §4.5.3.1.3. */
const longestEmail = 254

/** What is wrong with an account's data, if anything. */
export function accountProblem(input: { email: string; username: string; password: string }): Problem | null {
  if (!emailPattern.test(input.email) || input.email.length > longestEmail || !input.email.isWellFormed()) {
    return invalidInput(`An email address has one \`@\` and at most ${longestEmail} characters.`, 'input', 'email')
  }
  if (!usernamePattern.test(input.username)) {
    return invalidInput('A username has 3–32 letters (a–z), digits, `_`, `-` or `.`.', 'input', 'username')
  }
  return passwordProblem(input.password, 'password')
}

/** @param field the input field that holds the password. */
export function passwordProblem(password: string, field: string): Problem | null {
  const characters = [...password].length
  if (characters >= 8 && characters <= 256) return null
  return invalidInput('A password has 8–256 characters.', 'input', field)
}
