// The plan's switches as drivers, in the plan's order.

import { unreachable } from '../../lib/errors.ts';
import type { SwitchPlan } from '../../plan/plan.ts';
import { CommandSwitch } from './command.ts';
import { type Confirm, OperatorSwitch } from './operator.ts';
import type { SwitchDriver } from './switch.ts';

export interface SwitchTools {
  readonly confirm: Confirm;
  readonly scrub: (text: string) => string;
}

export function createSwitches(plans: readonly SwitchPlan[], { confirm, scrub }: SwitchTools): readonly SwitchDriver[] {
  return plans.map((plan) => {
    switch (plan.kind) {
      case 'command':
        return new CommandSwitch({
          run: plan.run,
          ...(plan.undo === undefined ? {} : { undo: plan.undo }),
          timeoutMs: plan.timeout,
          idempotent: plan.idempotent,
          scrub,
        });
      case 'operator':
        return new OperatorSwitch(plan.message, confirm);
      default:
        return unreachable(plan);
    }
  });
}
