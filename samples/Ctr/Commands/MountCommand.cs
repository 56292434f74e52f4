using System.CommandLine;
using Containerd;

namespace Ctr.Commands;

internal static class MountCommand
{
    private static readonly Option<string?> Type = new("--type", "-t") { Description = "The file system, or bind. Not needed where the options have bind, rbind or remount.", HelpName = "TYPE" };
    private static readonly Option<string[]> Options = new("--options", "-o") { Description = "Options as mount(8) has them, joined by commas; may be repeated.", HelpName = "OPTIONS" };
    private static readonly Argument<string> Source = new("SOURCE") { Description = "What is mounted: a directory for a bind, a device, any word where the type has no source." };
    private static readonly Argument<string> Target = new("TARGET") { Description = "An existing directory." };

    public static Command Create() => new Command("mount", "Mounts by the kernel's own calls, without mount(8).") { Type, Options, Source, Target }
        .Does((suite, parse, _) =>
        {
            var mount = new Mount { Type = parse.GetValue(Type) ?? "none", Source = parse.GetRequiredValue(Source), Options = [.. parse.GetValue(Options) ?? []] };
            if (parse.GetValue(Type) is null && !mount.SplitOptions().Any(option => option is "bind" or "rbind" or "remount"))
                throw new FormatException($"Mounting '{mount.Source}': its type is not guessed; name it with --type.");
            suite.Mounter.Mount([mount], parse.GetRequiredValue(Target));
            return Task.CompletedTask;
        });
}
