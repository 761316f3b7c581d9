export const opentofu = async (): Promise<readonly import('./step.ts').Step[]> => []
