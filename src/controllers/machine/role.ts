/** The role on a server's mark names its cluster too, so that a control plane's servers are found even when their Machines are not (rule T1). */
export const serverRole = (role: 'controlplane' | 'worker', clusterUid: string): string => `${role}-${clusterUid}`
