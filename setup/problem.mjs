/** Something about the machine that a person has to mend; the message says what and how. */
export class SetupProblem extends Error {}
