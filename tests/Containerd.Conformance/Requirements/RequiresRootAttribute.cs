namespace Containerd.Conformance;

/// <summary>The test mounts, changes owners or enters namespaces: it needs to run as root.</summary>
public sealed class RequiresRootAttribute : RequirementAttribute
{
    /// <inheritdoc/>
    public override string Need => "root";

    /// <inheritdoc/>
    public override bool IsMet => Environment.IsPrivilegedProcess;
}
