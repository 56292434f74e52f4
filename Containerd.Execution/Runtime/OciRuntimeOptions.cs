namespace Containerd.Execution;

/// <summary>Which runtime <see cref="OciRuntime"/> drives, and where that keeps its state.</summary>
public sealed class OciRuntimeOptions
{
    /// <summary>The runtime's command line.</summary>
    /// <value><see cref="RuntimeDialect.Runc"/>.</value>
    public RuntimeDialect Dialect { get; set; } = RuntimeDialect.Runc;

    /// <summary>The program: a path, or a name to look for; null for the dialect's.</summary>
    /// <value>Null.</value>
    public string? Program { get; set; }

    /// <summary>The directory in which the runtime keeps its containers (<c>--root</c>), an absolute path; null for the runtime's own default.</summary>
    /// <value>Null. Containers of other programs are then in the same name space of IDs.</value>
    public string? StateRoot { get; set; }
}
