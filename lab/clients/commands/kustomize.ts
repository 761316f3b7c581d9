export const kustomize = async (): Promise<readonly import('./step.ts').Step[]> => []
