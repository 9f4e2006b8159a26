/** Something about the machine that a person has to mend; the message says what and how. */
export class SetupProblem extends Error {}

/** A signal came: nothing is wrong with the machine, and nothing further is tried. */
export class Interrupted extends SetupProblem {}
