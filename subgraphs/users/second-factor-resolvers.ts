import type { PageArguments } from '../../lib/connection.ts'
import { isViewer, type UsersContext } from './context.ts'
import { type Device, toDevice, type User } from './mappers.ts'
import { ownByReference } from './node.ts'
import { devices, type RegisterDeviceInput, registerDevice, revokeDevice } from './service/devices.ts'
import { userOf } from './service/people.ts'
import { confirmTotp, disableTotp, enrollTotp, renewBackupCodes, secondFactor } from './service/second-factors.ts'

interface Input<T> {
  readonly input: T
}

const madeUser = ({ user }: { user: string }, _: unknown, context: UsersContext) => userOf(context, user)
const madeDevice = ({ device }: { device: string }, _: unknown, context: UsersContext) => deviceById(context, device)

/** Resolvers of devices and of what is proved beside the password. */
export const secondFactorResolvers = {
  Mutation: {
    registerDevice: (_: unknown, { input }: Input<RegisterDeviceInput>, context: UsersContext) =>
      registerDevice(context, input),
    revokeDevice: (_: unknown, { input }: Input<{ id: string }>, context: UsersContext) => revokeDevice(context, input),
    enrollTotp: (_: unknown, __: unknown, context: UsersContext) => enrollTotp(context),
    confirmTotp: (_: unknown, { input }: Input<{ code: string }>, context: UsersContext) => confirmTotp(context, input),
    disableTotp: (_: unknown, { input }: Input<{ code: string }>, context: UsersContext) => disableTotp(context, input),
    renewBackupCodes: (_: unknown, { input }: Input<{ code: string }>, context: UsersContext) =>
      renewBackupCodes(context, input),
  },
  User: {
    devices: (user: User, args: PageArguments, context: UsersContext) =>
      isViewer(context, user) ? devices(context, args) : null,
    secondFactor: (user: User, _: unknown, context: UsersContext) =>
      isViewer(context, user) ? secondFactor(context) : null,
  },
  types: {
    RegisterDeviceSuccess: { device: madeDevice },
    RevokeDeviceSuccess: { device: madeDevice },
    ConfirmTotpSuccess: { user: madeUser },
    DisableTotpSuccess: { user: madeUser },
    RenewBackupCodesSuccess: { user: madeUser },
    Device: {
      __resolveReference: ownByReference('Device'),
    },
  },
}

/** A device of the viewer's by its row's id. */
export async function deviceById({ loaders }: UsersContext, id: string): Promise<Device | null> {
  const found = await loaders.devices.load(id)
  return found && toDevice(found)
}
