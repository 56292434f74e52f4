using System.CommandLine;
using System.Globalization;
using Containerd.Execution;

namespace Ctr.Commands;

internal static class PsCommand
{
    public static Command Create() => new Command("ps", "Lists containers, whichever process runs them.") { GlobalOptions.Quiet }
        .Does(async (suite, parse, cancellationToken) =>
        {
            IReadOnlyList<ContainerInfo> containers = await suite.Containers.ListAsync(cancellationToken);
            parse.Print(["ID", "STATUS", "PID", "CREATED"], containers.Select(container => new[]
            {
                container.Id,
                container.Status.ToString(),
                container.ProcessId?.ToString(CultureInfo.InvariantCulture) ?? "",
                container.CreatedAt.ToString("u", CultureInfo.InvariantCulture),
            }));
        });
}
