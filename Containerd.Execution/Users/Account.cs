namespace Containerd.Execution;

/// <summary>A line of /etc/passwd, as far as it matters here.</summary>
internal sealed record Account(string Name, uint Uid, uint Gid);
