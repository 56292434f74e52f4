namespace Containerd.Conformance;

/// <summary>The test runs a program that must be in the search path.</summary>
/// <param name="program">The program's file name.</param>
public sealed class RequiresProgramAttribute(string program) : RequirementAttribute
{
    /// <summary>The program's file name.</summary>
    public string Program => program;

    /// <inheritdoc/>
    public override string Need => $"program:{program}";

    /// <inheritdoc/>
    public override bool IsMet => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Append("/usr/sbin").Append("/sbin")
        .Any(directory => File.Exists(Path.Join(directory, program)));
}
