using System.CommandLine;
using Containerd;
using Containerd.Execution;
using Containerd.Images;

namespace Ctr.Commands;

internal static class RunCommand
{
    private static readonly Argument<string> Name = new("IMAGE") { Description = "An image that was pulled or imported." };
    private static readonly Argument<string[]> Args = new("ARGS") { Description = "What to run instead of the image's own command.", Arity = ArgumentArity.ZeroOrMore };
    private static readonly Option<string?> Id = new("--id") { Description = "The container's ID. Default: chosen." };
    private static readonly Option<bool> Interactive = new("--interactive", "-i") { Description = "Passes standard input on." };
    private static readonly Option<string[]> Env = new("--env", "-e") { Description = "NAME=VALUE, may be repeated." };
    private static readonly Option<string?> User = new("--user", "-u") { Description = "Who to run as: user, uid, user:group or uid:gid." };
    private static readonly Option<string?> NetworkNamespace = new("--netns") { Description = "Path of the network namespace to run in. Default: a new one with a loopback only." };
    private static readonly Option<bool> HostNetwork = new("--host-network") { Description = "Runs in this machine's network namespace." };

    public static Command Create() => new Command("run", "Runs a container to its end and removes it; exits as it does.")
        { Id, Interactive, Env, User, NetworkNamespace, HostNetwork, Name, Args }
        .Does(async (suite, parse, cancellationToken) =>
        {
            ExitStatus exit = await RunAsync(suite, parse, cancellationToken);
            await suite.Snapshotter.CleanupAsync(CancellationToken.None);
            return exit.Code ?? CommandExtensions.Failed;
        });

    /// <summary>Puts <c>--</c> behind the image of a <c>run</c>, so that what follows belongs to the container even where it looks like an option.</summary>
    public static string[] KeepArguments(RootCommand root, string[] args)
    {
        for (int length = 1; length < args.Length; length++)
        {
            ParseResult prefix = root.Parse(args[..length]);
            if (prefix.GetResult(Name) is { Tokens.Count: > 0 })
                return [.. args[..length], "--", .. args[length..]];
        }
        return args;
    }

    private static async Task<ExitStatus> RunAsync(Suite suite, ParseResult parse, CancellationToken cancellationToken)
    {
        string id = parse.GetValue(Id) ?? $"run-{Guid.NewGuid():n}"[..16];
        string name = ImageReference.ParseFamiliar(parse.GetRequiredValue(Name)).ToString();
        Image image = await suite.Images.GetAsync(name, cancellationToken: cancellationToken);
        string parent = await suite.Images.UnpackAsync(image, suite.Snapshotter, suite.Applier, cancellationToken: cancellationToken);

        await suite.RemoveLeftoversAsync(cancellationToken);
        IReadOnlyList<Mount> rootfs = await suite.Snapshotter.PrepareAsync(id, parent, cancellationToken: cancellationToken);
        try
        {
            var options = new ContainerOptions
            {
                Stdio = ContainerStdio.Inherit with { Input = parse.GetValue(Interactive) ? StdioStream.Inherit : StdioStream.Null },
            };
            await using Container container = await suite.Containers.CreateAsync(id, rootfs, spec => Configure(spec, image, parse), options, cancellationToken);
            return await container.RunAsync(cancellationToken);
        }
        finally
        {
            await suite.Snapshotter.RemoveAsync(id, CancellationToken.None);
        }
    }

    private static ContainerSpec Configure(ContainerSpec spec, Image image, ParseResult parse)
    {
        spec = spec.WithImageConfig(image.Config, parse.GetValue(Args) ?? []);
        foreach (string variable in parse.GetValue(Env) ?? [])
        {
            string[] parts = variable.Split('=', 2);
            spec = spec.WithEnv(parts[0], parts.Length == 2 ? parts[1] : null);
        }
        if (parse.GetValue(User) is { } user)
            spec = spec.WithUser(user);
        if (parse.GetValue(NetworkNamespace) is { } path)
            spec = spec.WithNetworkNamespace(path);
        return parse.GetValue(HostNetwork) ? spec.WithHostNamespace("network") : spec;
    }
}
