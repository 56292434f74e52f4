using System.CommandLine;
using Containerd;

namespace Ctr.Commands;

internal static class UmountCommand
{
    private static readonly Option<bool> Recursive = new("--recursive", "-R") { Description = "Unmounts what is beneath first." };
    private static readonly Option<bool> Lazy = new("--lazy", "-l") { Description = "Detaches what is busy; it ends with its last user." };
    private static readonly Argument<string> Target = new("TARGET") { Description = "The directory." };

    public static Command Create() => new Command("umount", "Unmounts everything that is mounted on a directory; nothing there is no error.") { Recursive, Lazy, Target }
        .Does((suite, parse, _) =>
        {
            suite.Mounter.Unmount(
                parse.GetRequiredValue(Target),
                (parse.GetValue(Recursive) ? UnmountOptions.Recursive : 0) | (parse.GetValue(Lazy) ? UnmountOptions.Lazy : 0));
            return Task.CompletedTask;
        });
}
