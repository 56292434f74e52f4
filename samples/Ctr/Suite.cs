using System.CommandLine;
using System.Text;
using Containerd;
using Containerd.Execution;
using Containerd.Images;
using Containerd.Network;
using Containerd.Snapshots;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ctr;

/// <summary>The five packages composed over the roots that the command line names. Nothing is opened before it is asked for.</summary>
internal sealed class Suite : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly HashSet<string> _plainHttp = [];

    private Suite(string root, SnapshotStore snapshots, string state, string? runtime, bool verbose)
    {
        (Root, SnapshotRoot, State) = (root, snapshots.Root, Path.GetFullPath(state));
        var services = new ServiceCollection();
        if (verbose)
            services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Debug).AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace));
        if (runtime is not null)
            services.AddSingleton<IOciRuntime>(new OciRuntime(new OciRuntimeOptions { Dialect = DialectOf(runtime), Program = runtime, StateRoot = Path.Join(State, "containers", "runtime") }));
        _services = services
            .AddContainerdImages(images =>
            {
                images.Root = Path.Join(Root, "images");
                images.Registry.PlainHttpHosts.UnionWith(_plainHttp);
            })
            .AddSingleton(provider => snapshots.Open(provider.GetService<ILoggerFactory>()))
            .AddContainerdSnapshots() // the registration before it stays
            .AddContainerdExecution(execution =>
            {
                execution.StateRoot = Path.Join(State, "containers");
                execution.CgroupParent = $"/ctr-net-{Digest.Sha256(Encoding.UTF8.GetBytes(State)).Hex[..6]}";
            })
            .AddContainerdNetwork()
            .BuildServiceProvider();
    }

    public static Suite Open(ParseResult parse, string suffix = "")
    {
        string root = Path.GetFullPath(parse.GetRequiredValue(GlobalOptions.Root) + suffix);
        return new Suite(
            root,
            SnapshotStore.Of(parse, root),
            parse.GetRequiredValue(GlobalOptions.State) + suffix,
            parse.GetValue(GlobalOptions.Runtime),
            parse.GetValue(GlobalOptions.Verbose));
    }

    /// <summary>Where images are, and snapshots where the command line names no other store.</summary>
    public string Root { get; }

    /// <summary>Where snapshots are.</summary>
    public string SnapshotRoot { get; }

    /// <summary>Where the state of containers is.</summary>
    public string State { get; }

    public ImageService Images => _services.GetRequiredService<ImageService>();

    public IContentStore Content => _services.GetRequiredService<IContentStore>();

    public ISnapshotter Snapshotter => _services.GetRequiredService<ISnapshotter>();

    /// <summary>The snapshotter again, as what it is beyond the interface.</summary>
    public LocalSnapshotter Store => _services.GetRequiredService<LocalSnapshotter>();

    public IMounter Mounter => _services.GetRequiredService<IMounter>();

    public ILayerApplier Applier => _services.GetRequiredService<ILayerApplier>();

    public ILayerDiffer Differ => _services.GetRequiredService<ILayerDiffer>();

    public IFileTreeCopier Copier => _services.GetRequiredService<IFileTreeCopier>();

    public NetworkLinks Links => _services.GetRequiredService<NetworkLinks>();

    public NetworkAddresses Addresses => _services.GetRequiredService<NetworkAddresses>();

    public ContainerHost Containers => _services.GetRequiredService<ContainerHost>();

    /// <summary>From now on this registry is spoken to without TLS. To be said before the first use of <see cref="Images"/>.</summary>
    public void UsePlainHttp(string registry) => _plainHttp.Add(registry);

    /// <summary>Removes what commands that were killed have left: their containers, and the snapshots these ran on.</summary>
    /// <returns>The IDs of the containers.</returns>
    public async Task<IReadOnlyList<string>> RemoveLeftoversAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> removed = await Containers.CleanupAsync(cancellationToken);
        foreach (string id in removed)
        {
            if (await Snapshotter.FindAsync(id, cancellationToken) is { Kind: SnapshotKind.Active })
                await Snapshotter.RemoveAsync(id, cancellationToken);
        }
        return removed;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private static RuntimeDialect DialectOf(string program) => Path.GetFileName(program) switch
    {
        "crun" => RuntimeDialect.Crun,
        "runsc" => RuntimeDialect.Runsc,
        _ => RuntimeDialect.Runc,
    };
}
