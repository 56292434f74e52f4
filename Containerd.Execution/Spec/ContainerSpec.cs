namespace Containerd.Execution;

/// <summary>A container to be: its OCI specification, and what that cannot say before the root file system is there. Every <c>With</c> is a copy; the order matters, the last word counts.</summary>
/// <remarks>
/// <example>
/// <code>
/// ContainerSpec spec = ContainerSpec.Default
///     .WithImageConfig(image.Config)
///     .WithArgs("sh", "-c", "make test")
///     .WithEnv("CI", "true")
///     .WithMount(Mount.Bind("/srv/source") with { Target = "/src" })
///     .WithMemoryLimit(512 * 1024 * 1024);
/// </code>
/// </example>
/// <para>Immutable. Source of the rules: containerd pkg/oci/spec_opts.go .</para>
/// </remarks>
public sealed partial record ContainerSpec
{
    /// <summary>The default container: <see cref="Execution.Spec.Default"/>, as root, stopped by SIGTERM.</summary>
    public static ContainerSpec Default { get; } = new();

    /// <summary>The OCI specification.</summary>
    /// <value><see cref="Execution.Spec.Default"/>.</value>
    public Spec Spec { get; init; } = Spec.Default;

    /// <summary>
    /// Who to run as, in the words of an image: <c>user</c>, <c>uid</c>, <c>user:group</c>, <c>uid:gid</c> or a mix; looked up in the root file system's own
    /// <c>/etc/passwd</c> and <c>/etc/group</c> when the container is made, together with the user's further groups. Empty for root with its groups; null to leave
    /// what <see cref="Spec"/> says.
    /// </summary>
    /// <value>Null.</value>
    public string? User { get; init; }

    /// <summary>The signal that asks the process to end.</summary>
    /// <value>SIGTERM.</value>
    public Signal StopSignal { get; init; } = Signal.Terminate;

    /// <summary>Changes the OCI specification itself: for whatever has no method of its own here.</summary>
    /// <param name="change">The change, a pure function.</param>
    public ContainerSpec With(Func<Spec, Spec> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return this with { Spec = change(Spec) };
    }

    /// <summary>Takes over what an image wishes: its environment beneath what is set already, arguments, working directory, user and stop signal.</summary>
    /// <remarks>
    /// <para>The arguments become the image's entrypoint and then <paramref name="args"/>, or its command where there are none. A later
    /// <see cref="WithArgs"/> replaces all of them, the entrypoint included.</para>
    /// <para>Labels, volumes, ports and health checks are not acted upon: they are an image's words, not the host's.</para>
    /// </remarks>
    /// <param name="config">The image's configuration; null for an image that wishes nothing.</param>
    /// <param name="args">Arguments in place of the image's command.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: the image's stop signal is no signal.</exception>
    public ContainerSpec WithImageConfig(ImageConfig? config, params IReadOnlyList<string> args)
    {
        ArgumentNullException.ThrowIfNull(args);
        config ??= new ImageConfig();
        Signal stop = StopSignal;
        if (!string.IsNullOrEmpty(config.StopSignal) && !Signal.TryParse(config.StopSignal, out stop))
            throw new ContainerdException(ErrorKind.InvalidArgument, $"The image's stop signal '{Excerpt.OfMessage(config.StopSignal)}' is not a signal.");

        IReadOnlyList<string> own = Spec.Process?.Env ?? [];
        IReadOnlyList<string> image = config.Env is { Count: > 0 } env ? env : Spec.Default.Process!.Env!;
        // The default PATH is nobody's wish: it must not hide the image's.
        IEnumerable<string> wishes = own.Where(variable => !Spec.Default.Process!.Env!.Contains(variable));
        return WithProcess(process => process with
        {
            Env = EnvironmentList.Merge(EnvironmentList.Merge([], image), wishes),
            Args = [.. config.Entrypoint ?? [], .. args.Count > 0 ? args : config.Cmd ?? []],
            Cwd = string.IsNullOrEmpty(config.WorkingDir) ? "/" : config.WorkingDir,
        }) with
        {
            User = config.User ?? "",
            StopSignal = stop,
        };
    }

    /// <summary>Sets the program and all its arguments, in place of any there were.</summary>
    /// <param name="args">The program, found in the container's PATH, and its arguments.</param>
    public ContainerSpec WithArgs(params IReadOnlyList<string> args)
    {
        ArgumentNullException.ThrowIfNull(args);
        return WithProcess(process => process with { Args = [.. args] });
    }

    /// <summary>Sets a variable of the environment.</summary>
    /// <param name="name">Its name, without <c>=</c>.</param>
    /// <param name="value">Its value; null removes it.</param>
    public ContainerSpec WithEnv(string name, string? value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Contains('=', StringComparison.Ordinal))
            throw new ArgumentException($"A variable's name has no '=': '{Excerpt.OfMessage(name)}'.", nameof(name));
        return WithProcess(process => process with { Env = EnvironmentList.Merge(process.Env ?? [], [value is null ? name : $"{name}={value}"]) });
    }

    /// <summary>Sets the working directory.</summary>
    /// <param name="directory">An absolute path in the container. The runtime makes it where it is missing.</param>
    public ContainerSpec WithCwd(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return WithProcess(process => process with { Cwd = directory });
    }

    /// <summary>Sets who to run as; see <see cref="User"/>.</summary>
    /// <param name="user"><c>user</c>, <c>uid</c>, <c>user:group</c>, <c>uid:gid</c> or a mix.</param>
    public ContainerSpec WithUser(string user)
    {
        ArgumentNullException.ThrowIfNull(user);
        return this with { User = user };
    }

    /// <summary>Sets who to run as in numbers, without a look into the root file system.</summary>
    /// <param name="uid">The user ID, at most 2147483647.</param>
    /// <param name="gid">The group ID, at most 2147483647.</param>
    /// <param name="additionalGids">Further group IDs.</param>
    public ContainerSpec WithUser(uint uid, uint gid, params IReadOnlyList<uint> additionalGids)
    {
        ArgumentNullException.ThrowIfNull(additionalGids);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(uid, (uint)int.MaxValue);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(gid, (uint)int.MaxValue);
        return WithProcess(process => process with { User = process.User with { Uid = uid, Gid = gid, AdditionalGids = [.. additionalGids] } }) with { User = null };
    }

    /// <summary>Sets the host name.</summary>
    /// <param name="hostname">The name.</param>
    public ContainerSpec WithHostname(string hostname)
    {
        ArgumentException.ThrowIfNullOrEmpty(hostname);
        return With(spec => spec with { Hostname = hostname });
    }

    /// <summary>Sets the signal that asks the process to end.</summary>
    /// <param name="signal">The signal.</param>
    public ContainerSpec WithStopSignal(Signal signal) => this with { StopSignal = signal };

    /// <summary>Adds a fact that runtimes and their hooks can read, or replaces the one of that name.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Its value.</param>
    public ContainerSpec WithAnnotation(string name, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(value);
        return With(spec => spec with { Annotations = new SortedDictionary<string, string>(Copy(spec.Annotations), StringComparer.Ordinal) { [name] = value } });
    }

    private ContainerSpec WithProcess(Func<SpecProcess, SpecProcess> change) => With(spec => spec with { Process = change(spec.Process ?? new SpecProcess()) });

    private ContainerSpec WithLinux(Func<SpecLinux, SpecLinux> change) => With(spec => spec with { Linux = change(spec.Linux ?? new SpecLinux()) });

    private static Dictionary<string, string> Copy(IReadOnlyDictionary<string, string>? map) => map is null ? [] : new Dictionary<string, string>(map);
}
