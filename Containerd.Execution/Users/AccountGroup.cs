using System.Collections.Frozen;

namespace Containerd.Execution;

/// <summary>A line of /etc/group.</summary>
internal sealed record AccountGroup(string Name, uint Gid, FrozenSet<string> Members);
